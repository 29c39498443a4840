#include "policy/policy_parse_internal.h"

/* RFC 9110 5.6.2. */
static bool is_token(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i], lower = byte | 0x20;
        bool is_plain = (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z');
        if (!is_plain && (byte == '\0' || strchr("!#$%&'*+-.^_`|~", byte) == NULL)) {
            return false;
        }
    }
    return text.size > 0;
}

/* RFC 6901, without the empty one: an identifier is never the whole body. */
static bool is_pointer(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '~' && (i + 1 == text.size || (text.data[i + 1] != '0' && text.data[i + 1] != '1'))) {
            return false;
        }
    }
    return bytes_start_with(text, BYTES("/"));
}

/* Segments: a plain one, {person} once, "*"; "**" at the end. Plain ones are compared decoded, so they are written decoded. */
static bool is_template(struct bytes text)
{
    size_t persons = 0;
    struct bytes rest = bytes_slice(text, 1, text.size), segment;
    if (!bytes_start_with(text, BYTES("/"))) {
        return false;
    }
    while (bytes_split(&rest, '/', &segment)) {
        if (bytes_equal(segment, BYTES("{person}"))) {
            persons++;
        } else if (bytes_equal(segment, BYTES("**"))) {
            if (rest.data != NULL) {
                return false;
            }
        } else if (!bytes_equal(segment, BYTES("*"))) {
            for (size_t i = 0; i < segment.size; i++) {
                if (strchr("{}*%", segment.data[i]) != NULL) {
                    return false;
                }
            }
        }
    }
    return persons == 1;
}

static bool check_name(struct policy_parser *p, const struct text_person *from, size_t index, const struct policy_service *to)
{
    const char *place = parser_at(p, "services[%zu].person.%s", index, from->name != NULL ? "name" : "in");
    const char *word = policy_place_word(to->person_place);
    if (to->person_name.size == 0) {
        return parser_refuse(p, place, "add name: the parameter's, the header's, or a JSON pointer into the body",
                             "'in: %s' needs the 'name' of the place", word);
    }
    if (to->person_place == PERSON_HEADER && !is_token(to->person_name)) {
        return parser_refuse(p, place, NULL, "'%s' is not the name of a header", from->name);
    }
    if (to->person_place == PERSON_BODY && !is_pointer(to->person_name)) {
        return parser_refuse(p, place, "write such as /patient/id (RFC 6901)", "'%s' is not a JSON pointer", from->name);
    }
    return true;
}

bool parser_person(struct policy_parser *p, size_t index)
{
    const struct text_person *from = p->text->services[index].person;
    struct policy_service *to = &p->policy->services[index];
    if (from == NULL) {
        to->person_place = PERSON_NONE;
        /* A SOAP service is listed only to be refused as such (X-Road's service_type): no answer of it ever leaves. */
        return to->type == SERVICE_SOAP
                   ? true
                   : parser_refuse(p, parser_at(p, "services[%zu].id", index),
                                   "write person: {in: none} if its answers are about nobody: they then leave whole",
                                   "'%s' doesn't say where the person's identifier stands", p->text->services[index].id);
    }
    to->person_place = from->place;
    if (!parser_copy(p, from->name, &to->person_name) || !parser_copy(p, from->template, &to->person_template)) {
        return false;
    }
    bool may_have_name = from->place != PERSON_NONE && from->place != PERSON_PATH;
    if ((from->name != NULL && !may_have_name) || (from->template != NULL && from->place != PERSON_PATH)) {
        const char *key = from->template != NULL && from->place != PERSON_PATH ? "template" : "name";
        return parser_refuse(p, parser_at(p, "services[%zu].person.%s", index, key), "take it out", "'%s' has no meaning with 'in: %s'",
                             key, policy_place_word(from->place));
    }
    if (may_have_name) {
        return check_name(p, from, index, to);
    }
    if (from->place == PERSON_PATH && (from->template == NULL || !is_template(to->person_template))) {
        return parser_refuse(p, parser_at(p, "services[%zu].person.%s", index, from->template == NULL ? "in" : "template"),
                             "write such as /patients/{person}/** with {person} once, * for any one segment, ** at the end only",
                             "'in: path' needs a 'template' of the service's path");
    }
    return true;
}
