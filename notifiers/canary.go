package notifiers

import "regexp"

// CanaryText is what is sent to a robot to see whether it arrives. It has the nonce in it, a random one of
// crypto/rand's Text, so that it is known again where it comes back.
func CanaryText(nonce string) string {
	return "Rouse canary " + nonce + ". A test, nothing has to be done."
}

var canary = regexp.MustCompile(`\bRouse canary ([A-Z2-7]{26})\b`)

// CanaryNonce is the nonce of a CanaryText that came back; "" if the text is none.
func CanaryNonce(text string) string {
	if m := canary.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}
