/* The keys of api.yaml, for the test that compares them with their page. */
#ifndef COMITY_API_API_CONFIG_INTERNAL_H
#define COMITY_API_API_CONFIG_INTERNAL_H

#include "api/api_config.h"
#include "base/yaml_schema.h"

extern const cyaml_schema_value_t api_config_schema;

#endif
