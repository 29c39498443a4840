/* Stable codes of refusals: Comity-Reason, problem+json, metrics and docs/reference/reasons.md are made from this one table. */
#ifndef COMITY_POLICY_REASON_H
#define COMITY_POLICY_REASON_H

#include "base/bytes.h"

/*
 * X(name, code, X-Road 7.8 error, X-Road 7.7 error, meaning). X-Road's error has no prefix here: the pipeline knows its side. Codes of
 * law and consent are appended to X-Road's: "access_denied.consent.none".
 */
#define REASONS(X)                                                                                                                         \
    X(NONE, "", "", "", "permitted")                                                                                                       \
    X(REQUEST_MALFORMED, "request.malformed", "internal_error", "InternalError", "the path, an identifier or a header can't be read")      \
    X(REQUEST_METHOD, "request.method", "internal_error", "InternalError", "the method is not one of X-Road's")                            \
    X(REQUEST_BODY, "request.body", "internal_error", "InternalError", "a body came with a method that carries none")                      \
    X(REQUEST_TOO_LARGE, "request.too_large", "internal_error", "InternalError", "head or body is over the limit")                         \
    X(CLIENT_MISSING, "client.missing", "invalid_client_identifier", "InvalidClientIdentifier", "X-Road-Client is absent")                 \
    X(CLIENT_UNKNOWN, "client.unknown", "unknown_member", "UnknownMember", "the client subsystem is not registered at this gateway")       \
    X(CLIENT_UNPROVEN, "client.unproven", "ssl_authentication_failed", "SslAuthenticationFailed",                                          \
      "the caller did not prove that it speaks for the client subsystem")                                                                  \
    X(MEMBER_UNKNOWN, "member.unknown", "unknown_member", "UnknownMember", "no gateway serves the subsystem")                              \
    X(GATEWAY_UNKNOWN, "gateway.unknown", "invalid_security_server", "InvalidSecurityServer",                                              \
      "X-Road-Security-Server names no gateway that serves the subsystem")                                                                 \
    X(GATEWAY_MAINTENANCE, "gateway.maintenance", "maintenance_mode", "MaintenanceMode", "the holder's gateway is under maintenance")      \
    X(DIRECTORY_EXPIRED, "directory.expired", "global_conf_outdated", "OutdatedGlobalConf", "the directory is not valid now")              \
    X(PEER_UNKNOWN, "peer.unknown", "ssl_authentication_failed", "SslAuthenticationFailed",                                                \
      "the peer gateway's key is not in the directory")                                                                                    \
    X(PEER_EQUIVOCATED, "peer.equivocated", "invalid_signature_value", "InvalidSignatureValue",                                            \
      "the peer's log was caught with two histories, and is not trusted")                                                                  \
    X(PEER_UNREACHABLE, "peer.unreachable", "network_error", "NetworkError", "the holder's gateway can't be reached")                      \
    X(PEER_BROKEN, "peer.broken", "io_error", "IOError", "the line to the holder's gateway broke midway")                                  \
    X(PEER_MESSAGE, "peer.message", "missing_rest", "MissingRest", "the peer's message is incomplete")                                     \
    X(RECEIPT_MISSING, "receipt.missing", "missing_signature", "MissingSignature", "the message has no statement or receipt")              \
    X(RECEIPT_INVALID, "receipt.invalid", "invalid_signature_value", "InvalidSignatureValue", "the receipt does not prove the statement")  \
    X(RECEIPT_INDIVIDUAL_MISSING, "receipt.individual_missing", "missing_signature", "MissingSignature",                                   \
      "the service asks for a signature of each message by itself, and this one has none")                                                 \
    X(RECEIPT_INDIVIDUAL_INVALID, "receipt.individual_invalid", "invalid_signature_value", "InvalidSignatureValue",                        \
      "the message's own signature is not one of this message by this gateway")                                                            \
    X(DIGEST_MISMATCH, "digest.mismatch", "invalid_signature_value", "InvalidSignatureValue", "body or head differ from their digests")    \
    X(ANSWER_INCONSISTENT, "answer.inconsistent", "inconsistent_response", "InconsistentResponse",                                         \
      "the answer belongs to another request")                                                                                             \
    X(REPLAY_SEEN, "replay.seen", "invalid_signature_value", "InvalidSignatureValue", "this exchange id was used before")                  \
    X(REPLAY_TIME, "replay.time", "invalid_signature_value", "InvalidSignatureValue", "the statement's time is outside the window")        \
    X(SERVICE_UNKNOWN, "service.unknown", "unknown_service", "UnknownService", "no such service")                                          \
    X(SERVICE_TYPE, "service.type", "service_type", "ServiceType", "the service is SOAP")                                                  \
    X(SERVICE_DISABLED, "service.disabled", "service_disabled", "ServiceDisabled", "the service is switched off")                          \
    X(SERVICE_NO_URL, "service.no_url", "service_missing_url", "ServiceMissingUrl", "the service has no target URL")                       \
    X(SERVICE_BAD_URL, "service.bad_url", "service_malformed_url", "ServiceMalformedUrl", "the service's target URL can't be read")        \
    X(SERVICE_UNREACHABLE, "service.unreachable", "network_error", "NetworkError", "the service can't be reached")                         \
    X(SERVICE_HOST, "service.host", "unknown_host", "NetworkError", "the service's host name does not resolve")                            \
    X(SERVICE_TLS, "service.tls", "service_failed.ssl_authentication_failed", "ServiceFailed.SslAuthenticationFailed",                     \
      "the service's TLS was refused")                                                                                                     \
    X(SERVICE_TIMEOUT, "service.timeout", "io_error", "IOError", "the service took too long")                                              \
    X(SERVICE_BROKEN, "service.broken", "io_error", "IOError", "the service broke off midway")                                             \
    X(SERVICE_GARBAGE, "service.garbage", "io_error", "IOError", "the service's answer is not HTTP")                                       \
    X(SERVICE_TOO_LARGE, "service.too_large", "io_error", "IOError", "the service's answer is over the limit")                             \
    X(METADATA_REQUEST, "metadata.request", "invalid_request", "InvalidRequest", "getOpenAPI without serviceCode")                         \
    X(METADATA_SOURCE, "metadata.source", "internal_error", "InternalError", "the service's description can't be had")                     \
    X(ACCESS_DENIED, "access.denied", "access_denied", "AccessDenied", "the client has no right to this service, method and path")         \
    X(BORDER_RECIPIENT, "border.recipient", "access_denied.border.recipient", "AccessDenied.border.recipient",                             \
      "nothing goes to this recipient: its community is not recognised, or it is on a list")                                               \
    X(BORDER_FOREIGN_AUTHORITY, "border.foreign_authority", "access_denied.border.foreign_authority",                                      \
      "AccessDenied.border.foreign_authority", "it is for a foreign court or police, and no authority has approved it")                    \
    X(BORDER_LOCALISED, "border.localised", "access_denied.border.localised", "AccessDenied.border.localised",                             \
      "the law keeps these data in the country")                                                                                           \
    X(BORDER_INSTRUMENT, "border.instrument", "access_denied.border.instrument", "AccessDenied.border.instrument",                         \
      "no instrument for the border is valid now for this recipient and these categories")                                                 \
    X(BORDER_VOLUME, "border.volume", "access_denied.border.volume", "AccessDenied.border.volume",                                         \
      "one more person would exceed what the instrument for the border allows in a year")                                                  \
    X(BORDER_DPIA, "border.dpia", "access_denied.border.dpia", "AccessDenied.border.dpia",                                                 \
      "the impact assessment that the border needs is missing or has ended")                                                               \
    X(PURPOSE_UNDECLARED, "purpose.undeclared", "access_denied.purpose.undeclared", "AccessDenied.purpose.undeclared",                     \
      "no purpose was declared")                                                                                                           \
    X(PURPOSE_FORBIDDEN, "purpose.forbidden", "access_denied.purpose.forbidden", "AccessDenied.purpose.forbidden",                         \
      "the service does not allow this purpose")                                                                                           \
    X(PERSON_MISSING, "person.missing", "access_denied.person.missing", "AccessDenied.person.missing",                                     \
      "the request does not say about whom")                                                                                               \
    X(BASIS_NONE, "basis.none", "access_denied.basis.none", "AccessDenied.basis.none", "there is no lawful basis for any category")        \
    X(BASIS_LAW_REF, "basis.law_ref", "access_denied.basis.law_ref", "AccessDenied.basis.law_ref",                                         \
      "the basis needs a reference (law and article, contract, weighing of interests) that the service does not name")                     \
    X(BASIS_DUTY, "basis.duty", "access_denied.basis.duty", "AccessDenied.basis.duty",                                                     \
      "the recipient is no public body, or its duty is not the one that the service was declared for")                                     \
    X(BASIS_JUSTIFICATION, "basis.justification", "access_denied.basis.justification", "AccessDenied.basis.justification",                 \
      "vital interest was claimed without the justification or the second person that the law asks for")                                   \
    X(CATEGORY_NEVER, "category.never", "access_denied.category.never", "AccessDenied.category.never",                                     \
      "data of this category are never released")                                                                                          \
    X(CONTRACT_ENDED, "contract.ended", "access_denied.contract.ended", "AccessDenied.contract.ended",                                     \
      "the contract with the recipient is missing or has ended")                                                                           \
    X(DPIA_MISSING, "dpia.missing", "access_denied.dpia.missing", "AccessDenied.dpia.missing",                                             \
      "the law asks for an impact assessment that the service does not name")                                                              \
    X(DPIA_EXPIRED, "dpia.expired", "access_denied.dpia.expired", "AccessDenied.dpia.expired", "the impact assessment has ended")          \
    X(NOTICE_INCOMPLETE, "notice.incomplete", "access_denied.notice.incomplete", "AccessDenied.notice.incomplete",                         \
      "the notice lacks something that the law demands of it")                                                                             \
    X(MINOR_UNKNOWN, "minor.unknown", "access_denied.minor.unknown", "AccessDenied.minor.unknown",                                         \
      "the person's age is not known, and the law then asks for a guardian's consent")                                                     \
    X(HARVEST_LIMIT, "harvest.limit", "access_denied.harvest.limit", "AccessDenied.harvest.limit",                                         \
      "the consumer asked about too many persons of late")                                                                                 \
    X(CONSENT_NONE, "consent.none", "access_denied.consent.none", "AccessDenied.consent.none", "the person did not consent")               \
    X(CONSENT_REFUSED, "consent.refused", "access_denied.consent.refused", "AccessDenied.consent.refused", "the person refused")           \
    X(CONSENT_WITHDRAWN, "consent.withdrawn", "access_denied.consent.withdrawn", "AccessDenied.consent.withdrawn", "the person withdrew")  \
    X(CONSENT_PAUSED, "consent.paused", "access_denied.consent.paused", "AccessDenied.consent.paused", "the person paused")                \
    X(CONSENT_EXPIRED, "consent.expired", "access_denied.consent.expired", "AccessDenied.consent.expired", "the consent ended")            \
    X(CONSENT_SUPERSEDED, "consent.superseded", "access_denied.consent.superseded", "AccessDenied.consent.superseded",                     \
      "the notice that the person consented to is no longer in force")                                                                     \
    X(CONSENT_NOT_SEPARATE, "consent.not_separate", "access_denied.consent.not_separate", "AccessDenied.consent.not_separate",             \
      "the consent lacks an act of its own that the law asks for")                                                                         \
    X(CONSENT_BORDER, "consent.border", "access_denied.consent.border", "AccessDenied.consent.border",                                     \
      "the person did not consent separately that the data leave the country")                                                             \
    X(CONSENT_WRITTEN, "consent.written", "access_denied.consent.written", "AccessDenied.consent.written",                                 \
      "the law asks for this consent in writing")                                                                                          \
    X(CONSENT_GUARDIAN, "consent.guardian", "access_denied.consent.guardian", "AccessDenied.consent.guardian",                             \
      "somebody else must decide: a guardian for a minor, the person who has come of age")                                                 \
    X(CONSENT_FREQUENCY, "consent.frequency", "access_denied.consent.frequency", "AccessDenied.consent.frequency",                         \
      "the consent has been used as often as it allows")                                                                                   \
    X(CONSENT_RANGE, "consent.range", "access_denied.consent.range", "AccessDenied.consent.range",                                         \
      "the consent is for data of other dates, or the service cannot keep to them")                                                        \
    X(PERSON_DIED, "person.died", "access_denied.person.died", "AccessDenied.person.died", "the person has died")                          \
    X(PERSON_RESTRICTED, "person.restricted", "access_denied.person.restricted", "AccessDenied.person.restricted",                         \
      "the use of the person's data is restricted")                                                                                        \
    X(RELEASE_NOT_JSON, "release.not_json", "access_denied.release.not_json", "AccessDenied.release.not_json",                             \
      "the answer is not JSON that can be cut, and not all of it is permitted")                                                            \
    X(RELEASE_TRANSFORM, "release.transform", "access_denied.release.transform", "AccessDenied.release.transform",                         \
      "a value could not be transformed as the policy asks, and so did not leave")                                                         \
    X(RELEASE_INVALID, "release.invalid", "service_failed.release.invalid", "ServiceFailed.release.invalid",                               \
      "the answer's JSON is broken or over a limit")                                                                                       \
    X(LOG_UNAVAILABLE, "log.unavailable", "logging_failed", "LoggingFailed", "the evidence log can't take the statement")                  \
    X(STORE_UNAVAILABLE, "store.unavailable", "database_error", "DatabaseError", "the database can't answer")                              \
    X(GATEWAY_BUSY, "gateway.busy", "internal_error", "InternalError", "too much is waiting: try again later")                             \
    X(GATEWAY_INTERNAL, "gateway.internal", "internal_error", "InternalError", "memory or another resource of the gateway is exhausted")

#define X(name, code, error78, error77, meaning) REASON_##name,
enum reason { REASONS(X) REASON_COUNT };
#undef X

/*
 * Does it say something about the person: that the holder knows them, or what they decided? The consumer is then told reason_told(), which is
 * REASON_CONSENT_NONE; the whole reason is for the log, the person and the holder.
 */
bool reason_is_personal(enum reason reason);
enum reason reason_told(enum reason reason);

const char *reason_code(enum reason reason);    /* "consent.none" */
const char *reason_meaning(enum reason reason); /* one line for people */
/* X-Road's error type without its side's prefix. */
const char *reason_xroad(enum reason reason, bool is_77);
/* The reason with this code; REASON_NONE when there is none. */
enum reason reason_find(struct bytes code);

#endif
