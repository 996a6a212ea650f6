package callbacks

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"rouse/engine/pager"
	"rouse/notifiers"
)

const canaryNonce = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// A text of Rouse's own that comes in at its robot's number is back. It answers nothing and is answered by nothing, also
// if it is of long ago; and only one that Twilio signed counts.
func TestACanaryComesInAsAText(t *testing.T) {
	d := newDesk(t)
	var came []string
	d.h.canary = func(_ context.Context, nonce string) error {
		came = append(came, nonce)
		if len(came) > 1 {
			return pager.ErrNotFound
		}
		return nil
	}
	text := func(from string) url.Values {
		return url.Values{"From": {from}, "Body": {notifiers.CanaryText(canaryNonce)}, "MessageSid": {"SM0123456789abcdef0123456789abcdef"}}
	}
	for _, from := range []string{annNumber, "Rouse"} {
		w := d.twilioPosts("/callbacks/twilio/sms", text(from))
		if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "<Message") {
			t.Errorf("answered %d %s", w.Code, w.Body)
		}
	}
	if strings.Join(came, " ") != canaryNonce+" "+canaryNonce {
		t.Errorf("came back %q", came)
	}
	forged := signed("/callbacks/twilio/sms", authToken, text(annNumber))
	forged.Header.Set("X-Twilio-Signature", "bm9uZQ==")
	if w := d.do(forged); w.Code != http.StatusForbidden || len(came) != 2 {
		t.Errorf("a forged one was answered %d, came back %d times", w.Code, len(came))
	}
	d.wantEffects(t)
}
