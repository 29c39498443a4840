#include "api/rest_internal.h"

bool rest_find_ward(struct rest_call *call, struct bytes guardianship, struct error *e)
{
    (void)guardianship; /* nobody is registered as answering for anybody yet */
    return rest_refuse(call, e, 403, "auth.guardian", "header Comity-Guardianship", NULL, "you do not answer for anybody by this");
}
