/* `comity demo`: two communities, a hospital that holds records and a clinic that asks for them, with real gateway processes. */
#ifndef COMITY_DEMO_DEMO_H
#define COMITY_DEMO_DEMO_H

/*
 * The command, its own name at argv[0]. Runs the steps and prints them, or with --keep stays up until SIGTERM or SIGINT. Exit codes: 0 all
 * steps passed, 1 one failed, 2 it could not be tried. Leaves no process running.
 */
int demo_run(int argc, char **argv);

#endif
