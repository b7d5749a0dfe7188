// Package exchange is the protocol between a poller and a hub: the messages, the
// hub's handler, the poller's client. The poller calls, the hub answers; nothing
// goes the other way. docs/protocol.md describes it for people who write neither.
//
// Every request and every answer is signed (package sign). The hub checks in
// this order: size, protocol, signature, replay, lease; only then does it look at
// what is asked. An answer the hub did not sign, whoever gave it, is temporary
// and changes nothing.
//
// What a call means for pairs is not decided here: [Backend] does that. This
// package keeps who may call. It owns these stored keys (C is a connection id):
//
//	invitations   <id>             an invitation without its secret
//	exchange/C    session          the poller's keys, lease, last heartbeat and the nonces it used
//	exchange/C    nonce/<keyid>/<nonce>  a nonce used outside exchanges; expires by itself
//
// and these blobs:
//
//	C/public/<attachment id>, C/private/<attachment id>    content
//	C/private/<attachment id>.parts/<sha256>/<n>           a part of an upload
//
// An exchange costs one conditional write of the session, whatever the Backend
// does, and one read of it, which a process that remembers what it wrote saves
// (kept.go).
//
// Start reading at [Request] and [Response], then [Handler.ServeHTTP], then
// session.admit; [Client.Exchange] is the other end.
package exchange
