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
      "the consumer's community is not recognised")                                                                                        \
    X(PURPOSE_UNDECLARED, "purpose.undeclared", "access_denied.purpose.undeclared", "AccessDenied.purpose.undeclared",                     \
      "no purpose was declared")                                                                                                           \
    X(PURPOSE_FORBIDDEN, "purpose.forbidden", "access_denied.purpose.forbidden", "AccessDenied.purpose.forbidden",                         \
      "the service does not allow this purpose")                                                                                           \
    X(PERSON_MISSING, "person.missing", "access_denied.person.missing", "AccessDenied.person.missing",                                     \
      "the request does not say about whom")                                                                                               \
    X(BASIS_NONE, "basis.none", "access_denied.basis.none", "AccessDenied.basis.none", "there is no lawful basis for any category")        \
    X(CONSENT_NONE, "consent.none", "access_denied.consent.none", "AccessDenied.consent.none", "the person did not consent")               \
    X(CONSENT_REFUSED, "consent.refused", "access_denied.consent.refused", "AccessDenied.consent.refused", "the person refused")           \
    X(CONSENT_WITHDRAWN, "consent.withdrawn", "access_denied.consent.withdrawn", "AccessDenied.consent.withdrawn", "the person withdrew")  \
    X(CONSENT_PAUSED, "consent.paused", "access_denied.consent.paused", "AccessDenied.consent.paused", "the person paused")                \
    X(CONSENT_EXPIRED, "consent.expired", "access_denied.consent.expired", "AccessDenied.consent.expired", "the consent ended")            \
    X(RELEASE_NOT_JSON, "release.not_json", "access_denied.release.not_json", "AccessDenied.release.not_json",                             \
      "the answer is not JSON that can be cut, and not all of it is permitted")                                                            \
    X(RELEASE_INVALID, "release.invalid", "service_failed.release.invalid", "ServiceFailed.release.invalid",                               \
      "the answer's JSON is broken or over a limit")                                                                                       \
    X(LOG_UNAVAILABLE, "log.unavailable", "logging_failed", "LoggingFailed", "the evidence log can't take the statement")                  \
    X(STORE_UNAVAILABLE, "store.unavailable", "database_error", "DatabaseError", "the database can't answer")                              \
    X(GATEWAY_BUSY, "gateway.busy", "internal_error", "InternalError", "too much is waiting: try again later")                             \
    X(GATEWAY_INTERNAL, "gateway.internal", "internal_error", "InternalError", "memory or another resource of the gateway is exhausted")

#define X(name, code, error78, error77, meaning) REASON_##name,
enum reason { REASONS(X) REASON_COUNT };
#undef X

const char *reason_code(enum reason reason);    /* "consent.none" */
const char *reason_meaning(enum reason reason); /* one line for people */
/* X-Road's error type without its side's prefix. */
const char *reason_xroad(enum reason reason, bool is_77);
/* The reason with this code; REASON_NONE when there is none. */
enum reason reason_find(struct bytes code);

#endif
