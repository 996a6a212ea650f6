package intake

import "rouse/api/problem"

// The kinds of problems that only the intake gives.
var (
	notAnAlert = kind("not-an-alert")
	notStored  = kind("not-stored")
)

func kind(name string) problem.Kind {
	k, ok := problem.Named(name)
	if !ok {
		panic("intake: no problem is called " + name)
	}
	return k
}

var (
	brokenOff    = notStored.Because("The request broke off before its end. Nothing of it was stored: send it again.")
	oneNotStored = notStored.Because("Rouse could not store the alert. Send it again.")
	notAllStored = notStored.Because("Rouse could not store all alerts of the request. Send it again: " +
		"alerts that were stored, and carry a dedup_key, join their incident.")
)
