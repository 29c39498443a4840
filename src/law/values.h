/* All that a law says, value by value, for people: `comity law show` and `diff`. Pure. */
#ifndef COMITY_LAW_VALUES_H
#define COMITY_LAW_VALUES_H

#include "law/law.h"

struct law_value {
    const char *key;   /* as in the profile: "rights.access", "sensitive.categories pd:Biometric" */
    const char *value; /* "P15D", "yes", "required" */
    const struct law_source *source;
};
/* The strings live during the call. */
typedef void law_value_found(void *context, const struct law_value *value);

/* Calls `found` for each value, in the order of a profile's sections; a list's entries each have a key of their own, and the value says more of them. */
void law_each_value(const struct law *law, law_value_found *found, void *context);

#endif
