// Package sign makes and checks the proofs that travel between a poller and a
// hub: signed requests, signed responses, invitations and key rotations. It is
// what keeps invariant 10, "every message is authenticated, both ways".
//
// Everything here is a function of its arguments: the clock, the keys and the
// randomness are passed in, nothing is stored, nothing is logged. The package
// owns no stored keys; the texts of Key, PublicKey and InvitationState are made
// to be stored by others.
//
// # The profile
//
// A message carries exactly one signature of RFC 9421 (HTTP Message Signatures)
// with Ed25519 (RFC 9421, 3.3.6), labelled "drawbridge", and one Content-Digest
// of RFC 9530 with sha-256, also when the body is empty. The digest covers the
// bytes on the wire, so automatic decompression has to be off.
//
//	request   "@method" "@authority" "@path" "@query" "content-digest"
//	          created, expires, nonce, keyid, tag="drawbridge-request"
//	response  "@status" "content-digest" "drawbridge-request"
//	          created, keyid, tag="drawbridge-response"
//
// Both lists are compared exactly, names, order and parameters; there is no
// negotiation. What is not in this shape is refused before any cryptography.
// The authority comes from configuration and never from the Host header.
// Signed paths use only [A-Za-z0-9/_-], signed queries only [A-Za-z0-9_=&-], so
// that no proxy can spell them another way.
//
// # How an answer is bound to its request
//
// RFC 9421, 2.4 binds a response with ";req" components. The library used for
// verification cannot compute those, so the response covers a field of its own
// instead, Drawbridge-Request, which holds the request's nonce and the SHA-256
// of the request's signature (see RequestID). That signature covers everything
// the ";req" components would name.
//
// # Replays
//
// A verified request can be replayed until Proof.Expires. Remembering nonces
// that long is the caller's part; Nonces says what is expected of it.
//
// Start reading with SignRequest and VerifyRequest, then shape in base.go, then
// Invitation and InvitationState.Accept.
package sign
