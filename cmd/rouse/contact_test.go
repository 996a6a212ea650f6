package main

import (
	"strings"
	"testing"
)

// The next step is one that works as it stands: of somebody else's contact it names whose it is.
func TestTheNextStepWithAContactNamesItsPerson(t *testing.T) {
	api := newFakeAPI(t, map[string]string{
		"GET /v1/me":                                   `{"person":"bob"}`,
		"POST /v1/people/ann/contacts":                 `{"id":12,"channel":"sms","address":"+4915112345617"}`,
		"POST /v1/people/bob/contacts":                 `{"id":13,"channel":"sms","address":"+4915112345618"}`,
		"POST /v1/people/ann/contacts/12/verification": `{}`,
		"POST /v1/people/bob/contacts/13/verification": `{}`,
	})
	for _, test := range []struct{ args, next string }{
		{"add sms +4915112345617 --for ann", "Run `rouse contact verify 12 --for ann`: then"},
		{"verify 12 --for ann", "Then: rouse contact verify 12 --code 482913 --for ann\n"},
		{"verify 12 --for ann", "If none comes, `rouse contact list --for ann` says"},
		{"add sms +4915112345618", "Run `rouse contact verify 13`: then"},
		{"verify 13", "Then: rouse contact verify 13 --code 482913\n"},
	} {
		out, err := api.call(t, append([]string{"contact"}, strings.Fields(test.args)...)...)
		if err != nil || !strings.Contains(out, test.next) {
			t.Errorf("contact %s: %v, %s\nwant in it %s", test.args, err, out, test.next)
		}
	}
}
