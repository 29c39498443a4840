/* Codes on paper as JSON in and JSON out; as operation.h says. */
#ifndef COMITY_API_OPERATION_CODE_H
#define COMITY_API_OPERATION_CODE_H

#include "api/operation.h"

/*
 * { "role"?: "person" (the default), "guardian", "helper", "viewer", "operator", "officer", "auditor"; "person"?: of persons, helpers, and of a guardian's
 * ward; "guardianship"?: of a guardian, its id; "name"?: of helpers and staff; "age_ms"?: 15 minutes; "by"?: who issues it } to { "code", "role", "until" }.
 * Logged before it is told (access/1, operation issueCode). Needs `store` and `log`. ERROR_DENIED: nobody answers for that person by this guardianship now.
 */
operation operation_code_issue;

#endif
