package intake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"rouse/api/problem"
)

// Grafana takes the webhook of Grafana's contact points at POST or PUT /v1/grafana and /v1/grafana/{key}. Its
// payload (version 1) is Alertmanager's and more, and what becomes of it is the same: see Alertmanager. What
// Grafana measured stands first in the details; its title and message stand for a group (?per=group).
//
// A contact point may have a payload template of its own, which can make anything: what is not a notification
// becomes an incident that says so. Grafana does not send a notification again that failed, but at the next
// flush of its group: it too is never refused for its form.
//
// If the sender's key has a secret, the request must be signed with it, see signature.
func (h *Handler) Grafana(w http.ResponseWriter, r *http.Request) {
	h.notification(w, r, fromGrafana, ourManners)
}

// The headers of Grafana's HMAC, as its webhook settings show them, and how old a signature may be. The older
// name of the first is that of the first versions that sign.
const (
	signatureHeader      = "X-Grafana-Alerting-Signature"
	olderSignatureHeader = "X-Grafana-Alert-Signature"
	timestampHeader      = "X-Grafana-Alerting-Timestamp"
	maxSignatureAge      = 5 * time.Minute // and how far Grafana's clock may be ahead
)

// grafanaSettings are what a key may say of a contact point.
type grafanaSettings struct {
	signatureHeader string // "" is the constant
	timestampHeader string // if it is given, every request must have it
}

// headerName is what a header may be called (RFC 9110 §5.1), within reason.
var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")

// checkGrafanaSettings reports what is wrong with the settings of a key for Grafana.
func checkGrafanaSettings(settings json.RawMessage) error {
	_, err := readGrafanaSettings(settings)
	return err
}

func readGrafanaSettings(settings json.RawMessage) (s grafanaSettings, err error) {
	const must = "the name of a header as the contact point has it, such as "
	f := newSettingsForm(settings, "signature_header", "timestamp_header")
	s.signatureHeader = f.text("signature_header", must+signatureHeader, headerName.MatchString)
	s.timestampHeader = f.text("timestamp_header", must+timestampHeader, headerName.MatchString)
	return s, f.err()
}

// signatureError says what is wrong with the signature of a request, in a sentence for whoever sent it.
type signatureError string

func (e signatureError) Error() string { return string(e) }

// refuseSigned is refuse for dialects that sign.
func refuseSigned(w http.ResponseWriter, err error) {
	if e, ok := errors.AsType[signatureError](err); ok {
		problem.Write(w, problem.Unauthorized.Because("%s", string(e)))
		return
	}
	refuse(w, err)
}

// signature is what a request from Grafana is signed with: the header holds, in hex, the HMAC-SHA256 of the
// body under the secret that both know. If the contact point names a header for a timestamp, the HMAC is of
// the timestamp (Unix seconds, as they stand in that header), a colon, and the body.
//
// Source: package http of github.com/grafana/alerting, HMACRoundTripper.
type signature struct {
	header  string
	claimed []byte
	of      interface { // the HMAC of what was read
		io.Writer
		Sum([]byte) []byte
	}
}

// readSigned reads a request of a sender. The error is a *problem.Problem if it broke off, and a signatureError
// if the sender's requests are signed and this one is not.
func readSigned(r *http.Request, from system, sender Sender) (body []byte, more bool, err error) {
	var sealed *signature
	if from.source == fromGrafana.source && sender.Secret != nil {
		if sealed, err = newSignature(r.Header, sender, time.Now()); err != nil {
			return nil, false, err
		}
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(r.Body, sealed.of), r.Body}
	}
	body, more, refused := readNotification(r)
	if refused != nil {
		return nil, false, refused
	}
	return body, more, sealed.check()
}

// newSignature reads the headers of a signed request.
func newSignature(header http.Header, sender Sender, now time.Time) (*signature, error) {
	settings, err := readGrafanaSettings(sender.Settings)
	if err != nil {
		return nil, fmt.Errorf("reading the settings of the key %s…: %w", sender.Prefix, err)
	}
	s := &signature{header: first(settings.signatureHeader, signatureHeader), of: hmac.New(sha256.New, sender.Secret)}
	value := header.Get(s.header)
	if value == "" && settings.signatureHeader == "" {
		value = header.Get(olderSignatureHeader)
	}
	if value == "" {
		return nil, signatureError("The request is not signed: it has no " + s.header + ". Set the HMAC secret of the contact point to that of the key.")
	}
	s.claimed, _ = hex.DecodeString(strings.TrimSpace(value)) // what is not hex is not the signature either
	name := first(settings.timestampHeader, timestampHeader)
	stamp := header.Get(name)
	if stamp == "" && settings.timestampHeader != "" {
		return nil, signatureError("The signature has no time: the request has no " + name + ". Set the timestamp header of the contact point to it.")
	}
	if stamp != "" {
		if err := timely(name, stamp, now); err != nil {
			return nil, err
		}
		_, _ = io.WriteString(s.of, stamp+":") // a hash takes everything
	}
	return s, nil
}

// timely checks the time of a signature.
func timely(name, stamp string, now time.Time) error {
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return signatureError(name + " is not a time: it must be in Unix seconds.")
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > maxSignatureAge || off < -maxSignatureAge {
		return signatureError(fmt.Sprintf("The signature is not of now: %s is more than %s off. Check the clocks of Grafana and Rouse.", name, maxSignatureAge))
	}
	return nil
}

// check compares, once all of the body was read. nil is the signature of a sender that signs nothing.
func (s *signature) check() error {
	if s == nil || hmac.Equal(s.claimed, s.of.Sum(nil)) {
		return nil
	}
	return signatureError("The signature in " + s.header + " is not that of the body: the contact point has another secret than the key.")
}
