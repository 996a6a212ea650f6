package prove

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"rouse/rosters"
)

// Each mishap befalls the node as it should, and a message arrives exactly where the kind says so.
func TestMishaps(t *testing.T) {
	for kind, want := range map[mishapKind]struct {
		status  int // 0: no answer
		arrives bool
	}{
		noMishap: {201, true}, noCallbacks: {201, true}, refuses: {400, false}, outOfOrder: {503, false}, tooMany: {429, false},
		garbage: {200, false}, silent: {0, false}, resets: {0, false}, sentSilent: {0, true}, sentResets: {0, true}, sentFails: {500, true},
		slow: {201, true}, lies: {201, false},
	} {
		m := newMishaps()
		r := &rig{ledger: newLedger(), layout: layout{mishaps: m}}
		r.ctx, r.cancel = context.WithCancel(t.Context())
		arrived := ""
		provider := httptest.NewServer(r.mishandle(outlet{node: "a", mishaps: m, read: readTwilio}, func(w http.ResponseWriter, req *http.Request, after time.Duration) {
			body, _ := io.ReadAll(req.Body)
			if arrived = string(body); (after > 0) != (kind == slow) {
				t.Errorf("%q: begun with after %s", kind, after)
			}
			w.WriteHeader(http.StatusCreated)
		}))
		m.set(mishap{kind: kind, after: 3 * time.Second}, rosters.Voice)
		client := &http.Client{Timeout: 300 * time.Millisecond}
		form := url.Values{"To": {"+491"}, "StatusCallbackEvent": {"ringing", "completed"}}
		status, after := 0, ""
		if res, err := client.PostForm(provider.URL+"/2010-04-01/Accounts/AC/Calls.json", form); err == nil {
			status, after = res.StatusCode, res.Header.Get("Retry-After")
			res.Body.Close()
		}
		if status != want.status || (arrived != "") != want.arrives || (after == "3") != (kind == tooMany) {
			t.Errorf("%q: answered %d, Retry-After %q, arrived %q", kind, status, after, arrived)
		}
		if b := r.ledger.read(); kind == lies && (len(b.sent) != 1 || !b.sent[0].lied || !b.sent[0].accepted) {
			t.Errorf("%q: the ledger has %+v", kind, b.sent)
		}
		if kind == noCallbacks && strings.Contains(arrived, "completed") {
			t.Errorf("%q: it asks for callbacks: %s", kind, arrived)
		}
		r.cancel()
		provider.Close()
	}
}

func TestAMishapOfAnAddressGoesBeforeThatOfItsChannelAndEnds(t *testing.T) {
	m := newMishaps()
	m.at[place{rosters.SMS, "one"}], m.at[place{rosters.SMS, "two"}] = mishap{kind: refuses, times: 1}, mishap{}
	m.set(mishap{kind: silent}, rosters.SMS)
	for _, want := range []struct {
		address string
		kind    mishapKind
	}{{"one", refuses}, {"one", noMishap}, {"two", noMishap}, {"three", silent}} {
		if got := m.next(place{rosters.SMS, want.address}).kind; got != want.kind {
			t.Errorf("%s: %q, want %q", want.address, got, want.kind)
		}
	}
}
