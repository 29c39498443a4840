#include "notice_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char base[] =
    "{\"v\":1,\"id\":\"n-blood\",\"revision\":1,\"prevSha256\":null,\"lifecycle\":\"complete\",\"active\":true,\"law\":\"CN-PIPL\","
    "\"jurisdiction\":[\"https://w3id.org/dpv/loc#CN\"],"
    "\"holder\":{\"member\":\"CN/GOV/HOSP1\",\"name\":{\"zh\":\"第一医院\",\"en\":\"First Hospital\"},\"contact\":\"mailto:privacy@hosp1.example\","
    "\"address\":\"1 Hospital Road\",\"url\":\"https://hosp1.example/\"},"
    "\"recipient\":{\"member\":\"KE/MED/CLINIC9\",\"name\":{\"zh\":\"九号诊所\",\"en\":\"Clinic Nine\"},\"contact\":\"mailto:privacy@clinic9.example\","
    "\"address\":\"9 River Road\",\"country\":\"KE\"},"
    "\"purpose\":{\"iri\":\"https://w3id.org/dpv/sector/health#MedicalConditionDiagnosis\",\"text\":{\"zh\":\"诊断疾病\",\"en\":\"to find out what you "
    "suffer from\"},\"descends\":false},"
    "\"basis\":\"consent\",\"service\":[\"CN/GOV/HOSP1/EHR/summary\"],"
    "\"categories\":[{\"iri\":\"https://w3id.org/dpv/pd#BloodType\",\"sensitive\":true,\"necessity\":\"required\",\"necessityText\":{\"zh\":\"输血需要\","
    "\"en\":\"blood must match\"},\"impactText\":{\"zh\":\"可能泄露健康状况\",\"en\":\"it can tell of your health\"},\"attributes\":[\"$.blood.type\"]},"
    "{\"iri\":\"https://w3id.org/dpv/pd#Name\",\"sensitive\":false,\"necessity\":\"optional\",\"attributes\":[\"$.name\"]}],"
    "\"processing\":[\"https://w3id.org/dpv#Consult\",\"https://w3id.org/dpv#Use\"],\"method\":{\"zh\":\"查阅一次\",\"en\":\"it is looked up once\"},"
    "\"automatedDecision\":false,\"onward\":[],"
    "\"use\":{\"mode\":\"view\",\"fetch\":\"onetime\",\"frequency\":{\"max\":1,\"per\":\"P1D\",\"total\":1},"
    "\"dataRange\":{\"from\":\"2020-01-01T00:00:00Z\",\"to\":null}},"
    "\"retention\":{\"recipientLife\":\"P30D\",\"eraseAt\":null},\"storage\":[\"KE\"],\"maxValidity\":\"P1Y\","
    "\"border\":{\"crosses\":true,\"instrument\":\"sc-2026-014\",\"remedyText\":{\"zh\":\"如何对境外接收方行使权利\",\"en\":\"write to the clinic\"},"
    "\"safeguardText\":{\"zh\":\"标准合同\",\"en\":\"a standard contract\"}},"
    "\"minor\":{\"allowed\":true,\"guardianRequiredBelow\":14,\"guardianText\":{\"zh\":\"致监护人\",\"en\":\"for the guardian\"},"
    "\"childText\":{\"zh\":\"致儿童\",\"en\":\"for the child\"}},"
    "\"withdrawal\":{\"url\":\"https://hosp1.example/withdraw\",\"text\":{\"zh\":\"随时撤回\",\"en\":\"at any time\"}},"
    "\"rights\":{\"url\":\"https://hosp1.example/rights\",\"authority\":\"https://authority.example/\"},"
    "\"refusalEffect\":{\"zh\":\"不影响其他服务\",\"en\":\"nothing else is refused to you\"},\"dpia\":{\"ref\":\"PIA-2026-07\",\"date\":\"2026-05-01\"},"
    "\"languages\":[\"zh\",\"en\"],\"publishedAt\":\"2026-11-01T00:00:00Z\",\"publishedBy\":\"operator:7\"}";

void notice_fixture_merge(json_t *value, const json_t *patch)
{
    const char *key;
    json_t *change;
    json_object_foreach((json_t *)patch, key, change)
    {
        json_t *here = json_object_get(value, key);
        if (json_is_null(change)) {
            (void)json_object_del(value, key);
        } else if (json_is_object(change) && json_is_object(here)) {
            notice_fixture_merge(here, change);
        } else {
            assert_int_equal(json_object_set(value, key, change), 0);
        }
    }
}

json_t *notice_fixture_json(const char *patch)
{
    json_t *value = json_loads(base, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(value);
    if (patch != NULL) {
        json_t *changes = json_loads(patch, JSON_REJECT_DUPLICATES, NULL);
        if (changes == NULL) {
            fail_msg("no JSON: %s", patch);
        }
        notice_fixture_merge(value, changes);
        json_decref(changes);
    }
    return value;
}

struct notice *notice_fixture(const char *patch)
{
    struct notice *notice = NULL;
    struct error e = { 0 };
    json_t *value = notice_fixture_json(patch);
    if (!notice_read(&notice, value, &e)) {
        fail_msg("%s: %s", e.where, e.what);
    }
    json_decref(value);
    return notice;
}
