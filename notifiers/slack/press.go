package slack

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"rouse/notifiers"
)

const (
	maxCallback = 256 << 10
	// maxAge is how old a signature may be, https://docs.slack.dev/authentication/verifying-requests-from-slack.
	maxAge = 5 * time.Minute
)

// ErrSignature is returned for a callback that Slack did not sign, or too long ago.
var ErrSignature = errors.New("slack: not signed by Slack")

// ErrOther is returned for a callback that is none of a button of ours.
var ErrOther = errors.New("slack: no button of a post")

// Read verifies a callback and reads which button was pressed: an error that wraps ErrSignature is to be answered
// with 403, ErrOther with 200 and nothing else.
func (s *Slack) Read(r *http.Request, now time.Time) (p notifiers.Pressed, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxCallback))
	if err != nil {
		return p, fmt.Errorf("%w: the body is too long, or broke off", ErrSignature)
	}
	at := r.Header.Get("X-Slack-Request-Timestamp")
	if !s.signed(at, body, r.Header.Get("X-Slack-Signature"), now) {
		return p, ErrSignature
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return p, ErrOther
	}
	var pressed struct {
		Type    string
		User    struct{ ID, Username, Name string }
		Reply   string `json:"response_url"`
		Actions []struct {
			ID    string `json:"action_id"`
			Value string
			At    string `json:"action_ts"`
		}
	}
	if err := json.Unmarshal([]byte(form.Get("payload")), &pressed); err != nil || pressed.Type != "block_actions" || len(pressed.Actions) != 1 {
		return p, ErrOther
	}
	a := pressed.Actions[0]
	if a.ID != "ack" && a.ID != "decline" || a.Value == "" || pressed.User.ID == "" {
		return p, ErrOther
	}
	name := pressed.User.Name
	if name == "" {
		name = pressed.User.Username
	}
	return notifiers.Pressed{Key: a.Value, Decline: a.ID == "decline", User: pressed.User.ID, Name: name,
		Event: pressed.User.ID + " " + a.At, Reply: pressed.Reply}, nil
}

// Whisper shows text to who pressed a button, and to nobody else.
func (s *Slack) Whisper(ctx context.Context, p notifiers.Pressed, text string) error {
	if p.Reply == "" {
		return nil
	}
	body, err := json.Marshal(object{"response_type": "ephemeral", "replace_original": false, "text": escape(text)})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Reply, bytes.NewReader(body))
	if err != nil {
		return errors.New("slack: the address to reply to is none")
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := notifiers.Do(s.http, Provider, req) // the bot's token stays here: whoever the address belongs to
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return refusedBy(res)
	}
	return nil
}

func (s *Slack) signed(at string, body []byte, signature string, now time.Time) bool {
	seconds, err := strconv.ParseInt(at, 10, 64)
	if age := now.Sub(time.Unix(seconds, 0)); err != nil || age > maxAge || age < -maxAge {
		return false
	}
	ok := false
	for _, secret := range s.secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		fmt.Fprintf(mac, "v0:%s:%s", at, body)
		if hmac.Equal([]byte("v0="+hex.EncodeToString(mac.Sum(nil))), []byte(signature)) {
			ok = true
		}
	}
	return ok
}
