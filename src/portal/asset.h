/* What the pages are made of, put into the program when it is built: templates, languages, and static files with the digest in their name. */
#ifndef COMITY_PORTAL_ASSET_H
#define COMITY_PORTAL_ASSET_H

#include "base/bytes.h"
#include "portal/template.h"

struct asset {
    const char *name; /* "style.css"; its key in pages' data is assets.style_css */
    const char *path; /* "/assets/style.3f1c9a7e42d0b855.css" */
    const char *media_type;
    const char *digest; /* of the plain bytes: SHA-256's first 16 hex digits */
    struct bytes plain; /* empty where only gzip is kept: the file is small either way */
    struct bytes gzip;  /* empty where it is no shorter */
};
/* Made by embed.py. Static; any thread. */
extern const struct asset portal_assets[];
extern const size_t portal_asset_count;
extern const struct template_source portal_templates[], portal_languages[];
extern const size_t portal_template_count, portal_language_count;

/* By its whole path; NULL: none. */
const struct asset *asset_find(struct bytes path);
/* By its name. */
const struct asset *asset_named(const char *name);
/* Does Accept-Encoding (RFC 9110 12.5.3) let gzip come? */
bool asset_takes_gzip(struct bytes accept_encoding);

#endif
