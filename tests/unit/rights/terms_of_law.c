#include "terms_of_law.h"

static struct law_period period(uint32_t months, uint32_t days, uint64_t seconds)
{
    return (struct law_period){ .is_set = true, .value = { .months = months, .days = days, .seconds = seconds } };
}

void terms_of_law(struct law *law)
{
    memset(law, 0, sizeof *law);
    law->id = BYTES("TEST");
    law->rights[LAW_ACCESS] = period(0, 10, 0);
    law->rights[LAW_CORRECT] = period(0, 5, 0);
    law->rights[LAW_DELETE] = period(0, 20, 0);
    law->rights[LAW_EXPLAIN] = period(0, 7, 0);
    law->rights_identity = period(0, 2, 0);
    law->rights_extend = period(1, 0, 0);
    law->breach_authority = period(0, 0, 3 * 3600);
    law->breach_person = period(0, 0, 24 * 3600);
    law->breach_report = period(0, 30, 0);
    law->dpia_valid = period(12, 0, 0);
}
