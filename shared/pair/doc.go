// Package pair keeps the pairs: two issues kept in sync, and all that one site knows about them. It is built once on the
// store port; both halves of Drawbridge use it unchanged.
//
// Stored keys (partition, then sort key; C is a connection id, I a local issue id, R a remote one):
//
//	connections   C                     the connection: state, conflict policies
//	pairs/C       I                     one line per pair, for listing: key of the issue, remote id
//	twin/C        R                     which local issue is the twin of R, or the intent to create one
//	pair/C/I      head                  the head: what waits, what is acknowledged, why it is parked, and what changed of
//	                                    the state and happened since those were written; in the sparse index
//	pair/C/I      state                 who the two issues are, the entries of every field, the open intents of our writes
//	pair/C/I      value/<sha256>        a field value over 1 KB, referred to by the state; over 300 KB: its pieces
//	pair/C/I      own/<kind>/<id>       a comment, attachment, worklog or link written here, as last sent
//	pair/C/I      copy/<kind>/<id>      a member written there (its remote id), wanted and done here
//	pair/C/I      copyof/<kind>/<id>    local id of a copy -> remote id of its original
//	pair/C/I      taken                 members of ours that the remote site has, and of which it is not known yet that they may be out
//	pair/C/I      history/<time>-<n>    what happened, newest last
//	pair/C/I      past/<time>-<n>       the same, old: with hashes in place of values (fade.go)
//	news/C        news                  nothing; its revision is that of what an exchange tells besides pairs (news.go)
//	again/C       R                     a remote issue that is to be offered anew: its twin may be made now
//	await/C       R/I                   something of I waits until R has its twin here: a link leads there, or
//	                                    it is the parent; remote-J in place of I: the twin of J cannot be made before;
//	                                    own-J in place of R: until J, of this site, is in a pair
//	look/S        C/I                   a pair whose issue is to be read again: an observation may be lost; in the sparse index
//	rebase/C      I                     a pair that was taken apart because one of its issues has another id now
//	rebase/C/I    history/…, past/…     its history meanwhile
//	rebased/C     apart                 all pairs were, and are being made anew
//	due/S         C/I                   a parked pair to be tried again; in the sparse index
//
// A pair changes in [Book.Update] only: load, a function of what was loaded, one conditional write of the head, which
// carries what changed (stored.go).
// Start reading at [Head], then [State], then [Book].
package pair
