package jira

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// VerifySignature checks the X-Hub-Signature header of a webhook, "sha256=" and the HMAC-SHA256 of the raw body in hex, in
// constant time. Without a secret nothing is verified, so nothing passes. (Atlassian's page "Webhooks", section on secrets.)
func VerifySignature(secret string, body []byte, header string) bool {
	method, sum, _ := strings.Cut(strings.TrimSpace(header), "=")
	given, err := hex.DecodeString(sum)
	if secret == "" || err != nil || !strings.EqualFold(method, "sha256") {
		return false
	}
	return hmac.Equal(digest(secret, body), given)
}

// Signature is the header of a webhook's body: what [VerifySignature] accepts.
func Signature(secret string, body []byte) string {
	return "sha256=" + hex.EncodeToString(digest(secret, body))
}

func digest(secret string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return mac.Sum(nil)
}
