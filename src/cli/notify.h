/* Tells systemd how the service stands (sd_notify(3)'s protocol: one datagram to $NOTIFY_SOCKET). Without that variable it does nothing. */
#ifndef COMITY_CLI_NOTIFY_H
#define COMITY_CLI_NOTIFY_H

/* "READY=1", "STOPPING=1", or several lines. A failure is a warning in the diagnostics: systemd notices by itself. */
void notify_service(const char *state);
/* RELOADING=1 with the time that systemd wants beside it. */
void notify_reloading(void);

#endif
