/* Child processes of the demo. They die with it (PR_SET_PDEATHSIG), and are always ended by their process id. */
#ifndef COMITY_DEMO_PROCESS_H
#define COMITY_DEMO_PROCESS_H

#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"

/* Starts a program in the background; its standard error, and output, go to the file `log_path`. `argv` ends with NULL. */
must_check bool process_start(pid_t *pid, const char *const *argv, const char *log_path, struct error *e);
/* Sends `signal_number`, and waits until it is gone; after 10 s it is killed. Sets *pid to 0. One that is 0 is allowed. */
void process_stop(pid_t *pid, int signal_number);
/* Runs a program in `folder` to its end with `input` on standard input; what it writes to standard output and error is appended. */
must_check bool process_run(const char *folder, const char *const *argv, struct bytes input, struct buffer *output, struct buffer *chatter,
                            int *exit_code, struct error *e);
/* A TCP port of the loopback address that is free now. 0 when there is none. */
unsigned process_free_port(void);

#endif
