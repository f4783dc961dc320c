/* SPDX-License-Identifier: Apache-2.0 */
/*
 * milter_proto - the numbers and letters of the milter protocol, as far as they
 * are used here.
 *
 * There is no RFC.  Sendmail has defined it, with the constants SMFIC_,
 * SMFIR_, SMFIF_, SMFIP_, SMFIM_ of its libmilter; Postfix speaks it in
 * src/milter/milter8.c.  Every packet is a length in four bytes, most
 * significant first, and as many bytes: a letter, and what belongs to it.
 * Texts end with a NUL.
 */

#ifndef MILTER_MILTER_PROTO_H
#define MILTER_MILTER_PROTO_H

/* Postfix speaks 6 if it is not told otherwise; below 2 nobody does. */
#define MILTER_VERSION_LEAST 2
#define MILTER_VERSION 6

/* What the host MTA says (SMFIC_...). */
enum milter_command {
	MILTER_ABORT = 'A',
	MILTER_BODY = 'B',
	MILTER_CONNECT = 'C',
	MILTER_MACRO = 'D',
	MILTER_END = 'E', /* of the message; may bring the rest of the body */
	MILTER_HELO = 'H',
	MILTER_QUIT_NC = 'K', /* quit; another client's session follows */
	MILTER_HEADER = 'L',  /* a field of it */
	MILTER_MAIL = 'M',
	MILTER_HEADER_END = 'N',
	MILTER_OPTIONS = 'O', /* what we answer has the same letter */
	MILTER_QUIT = 'Q',
	MILTER_RCPT = 'R',
	MILTER_DATA = 'T',
	MILTER_UNKNOWN = 'U' /* an SMTP command that it does not know */
};

/* What we say (SMFIR_...). */
enum milter_reply {
	MILTER_SAY_CONTINUE = 'c',
	MILTER_SAY_SENDER = 'e', /* becomes another one */
	MILTER_SAY_INSERT = 'i', /* a field of the header, by its place */
	MILTER_SAY_CHANGE = 'm', /* a field by its number; "" deletes it */
	MILTER_SAY_REPLY = 'y'   /* of SMTP, to the client */
};

/* Changes that the host MTA takes, and that we ask for (SMFIF_...). */
#define MILTER_ADDS_FIELDS 0x01U
#define MILTER_CHANGES_FIELDS 0x10U
#define MILTER_CHANGES_SENDER 0x40U
#define MILTER_ASKS_MACROS 0x100U /* we say which (SMFIF_SETSYMLIST) */

/* Steps that are not told, and such as have no reply (SMFIP_...). */
#define MILTER_NO_HELO 0x02U
#define MILTER_NO_HEADER_END 0x40U
#define MILTER_NO_UNKNOWN 0x100U
#define MILTER_NO_DATA 0x200U
#define MILTER_NR_HEADER 0x80U
#define MILTER_NR_CONNECT 0x1000U
#define MILTER_NR_MAIL 0x4000U
#define MILTER_NR_RCPT 0x8000U
#define MILTER_NR_BODY 0x80000U
#define MILTER_LEADING_BLANK 0x100000U /* of a field's value is told, too */

/* What a host MTA has that names none (libmilter's SMFI_V1_...). */
#define MILTER_OLD_ACTIONS 0x0fU
#define MILTER_OLD_STEPS 0x3fU

/* Where macros belong to, when we ask for them (SMFIM_...). */
#define MILTER_AT_CONNECT 0
#define MILTER_AT_MAIL 2
#define MILTER_AT_RCPT 3
#define MILTER_AT_END 5

/* Families of a client's address (SMFIA_...). */
#define MILTER_FAMILY_UNKNOWN 'U'
#define MILTER_FAMILY_UNIX 'L'
#define MILTER_FAMILY_INET '4'
#define MILTER_FAMILY_INET6 '6'

#endif
