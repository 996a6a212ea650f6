package webpush

import (
	"crypto/ecdh"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// The example of RFC 8291, and others that another implementation made.
func TestVectors(t *testing.T) {
	var file struct {
		Vectors []struct {
			Source, Plaintext, Salt, Body string
			Sender                        string `json:"as_private"`
			Receiver                      string `json:"ua_public"`
			Auth                          string `json:"auth_secret"`
		}
	}
	text, err := os.ReadFile("testdata/rfc8291.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	bytesOf := func(text string) []byte {
		b, err := decode(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, v := range file.Vectors {
		s, err := NewSubscription("https://push.example.net/x", v.Receiver, v.Auth)
		if err != nil {
			t.Fatal(err)
		}
		sender, err := ecdh.P256().NewPrivateKey(bytesOf(v.Sender))
		if err != nil {
			t.Fatal(err)
		}
		got, err := seal(s, sender, bytesOf(v.Salt), []byte(v.Plaintext))
		if len(v.Plaintext) > maxPayload {
			if err == nil {
				t.Errorf("%s, %d bytes: taken, though a push service need not take it", v.Source, len(v.Plaintext))
			}
			continue
		}
		if err != nil || b64.EncodeToString(got) != v.Body {
			t.Errorf("%s, %d bytes: not the record that the other made (%v)", v.Source, len(v.Plaintext), err)
		}
	}
	if len(file.Vectors) < 5 {
		t.Errorf("only %d vectors", len(file.Vectors))
	}
}

func TestSubscriptions(t *testing.T) {
	const p256dh = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
	const auth = "BTBZMqHH6r4Tts7J_aSIgg"
	s, err := NewSubscription("https://updates.push.example.com/wpush/v2/gAAA?x=1", p256dh+"=", auth+"==")
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseSubscription(s.String())
	if err != nil || !again.Equal(s) || s.Service() != "updates.push.example.com" {
		t.Errorf("%q is read again as %v (%v), of %q", s, again, err, s.Service())
	}
	for _, c := range []struct{ endpoint, p256dh, auth, wrong string }{
		{"push.example.com/x", p256dh, auth, "endpoint"},
		{"javascript:alert(1)", p256dh, auth, "endpoint"},
		{"https://user:secret@push.example.com/x", p256dh, auth, "endpoint"},
		{"https://push.example.com/" + strings.Repeat("x", maxEndpoint), p256dh, auth, "endpoint"},
		{"https://push.example.com/x", "BCVx", auth, "p256dh"},
		{"https://push.example.com/x", strings.Replace(p256dh, "CVx", "CVy", 1), auth, "p256dh"}, // not on the curve
		{"https://push.example.com/x", p256dh, "BTBZ", "auth"},
		{"https://push.example.com/x", p256dh, "?", "auth"},
	} {
		if _, err := NewSubscription(c.endpoint, c.p256dh, c.auth); err == nil || !strings.HasPrefix(err.Error(), c.wrong) {
			t.Errorf("%.40q, %q, %q: %v, want it to name %s", c.endpoint, c.p256dh, c.auth, err, c.wrong)
		}
	}
}
