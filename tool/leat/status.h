/* SPDX-License-Identifier: ISC */
/* status - what the program ends with; leat(1) documents it */
#ifndef TOOL_LEAT_STATUS_H
#define TOOL_LEAT_STATUS_H

enum status {
	STATUS_DONE,   /* all that was to be done, was */
	STATUS_FAILED, /* the end could not be reached, or the stream broke */
	STATUS_USAGE,  /* the command line makes no sense */
	STATUS_CUT     /* told to end: connections were still open, and were cut */
};

#endif
