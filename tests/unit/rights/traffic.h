/* What a gateway logs of exchanges, as this part reads it; for tests. */
#ifndef COMITY_TEST_TRAFFIC_H
#define COMITY_TEST_TRAFFIC_H

#include "../consent/rig.h"

#define BLOOD "https://w3id.org/dpv/pd#BloodType"
#define HEALTH "https://w3id.org/dpv/pd#Health"
#define CLINIC "BAOBAB/MED/CLINIC"
#define CLINIC_GATEWAY "BAOBAB/MED/CLINIC/GW1"
#define BANK_GATEWAY "BAOBAB/COM/BANK/GW1"

struct traffic {
    const char *exchange, *person;
    const char *member;     /* who asked: its subsystem is APP, its gateway GW1 */
    const char *released;   /* "": it was refused */
    const char *record;     /* the consent; NULL: none */
    const char *conditions; /* NULL: none */
};
/* A decision and its answer; the answer's index. */
uint64_t traffic_log(struct rig *rig, const struct traffic *traffic);

#endif
