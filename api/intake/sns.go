package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"rouse/api/problem"
	"rouse/engine"
)

const sourceSNS = "sns"

// maxSNSBody is more than SNS sends: a message has at most 256 KiB, and what it is wrapped in can make two
// bytes of one. A part of one could not be verified, so longer ones are refused.
const maxSNSBody = 1 << 20

// SNS takes what Amazon SNS delivers over HTTPS at POST /v1/sns and /v1/sns/{key}: the alarms of CloudWatch,
// events of EventBridge, and whatever else is published to a topic; see snsMessage.alert for what becomes of
// it. The Content-Type does not matter, SNS sends JSON as text/plain.
//
// Only what SNS signed is taken, see snsMessage.verify. A subscription is confirmed by itself: whoever has the
// key may send alerts anyhow. The end of one becomes an incident. Raw message delivery is refused, as that is
// not signed.
//
// SNS sends again after 5xx, for an hour at most, and gives up after other 4xx. So a signature that is wrong
// gets 403, and one that cannot be checked, as AWS cannot be reached, 503.
func (h *Handler) SNS(w http.ResponseWriter, r *http.Request) {
	from, err := h.sender(w, r, sourceSNS, shown(r)...)
	if err != nil {
		refuse(w, err)
		return
	}
	body, more, refused := read(r, maxSNSBody)
	if more {
		_, _ = io.CopyN(io.Discard, r.Body, maxDrained) // an error here is the sender's, who will not hear us
		refused = problem.TooLarge.Because("The request is larger than %d bytes: SNS sends nothing as long as that.", maxSNSBody)
	}
	if refused != nil {
		problem.Write(w, refused)
		return
	}
	ctx := context.WithoutCancel(r.Context()) // who has sent an alert may hang up
	m, settings, err := h.readSNS(ctx, r.Header, body, from)
	if err == nil && m.Type == snsSubscribe {
		err = h.confirm(ctx, m)
	}
	if err != nil {
		h.log.WarnContext(ctx, "request from sns refused", "key", from.Prefix, "why", err)
		refuseSNS(w, err)
		return
	}
	done, all := h.receive(r, from, []engine.Alert{m.alert(settings, from, body)})
	if !all {
		problem.Write(w, notAllStored)
		return
	}
	accept(w, map[string]any{"alerts": done})
}

// forgedError says why a request is not what SNS sent, in a sentence for whoever sent it.
type forgedError string

func (e forgedError) Error() string { return string(e) }

func forged(text string, args ...any) error { return forgedError(fmt.Sprintf(text, args...)) }

// errNotSNS says that a request is no message at all.
var errNotSNS = forged("The request is not a message of Amazon SNS, as that sends them over HTTPS.")

// refuseSNS answers what SNS did not send with 403, or 400 if it is no message; for any other error it is asked
// to send again.
func refuseSNS(w http.ResponseWriter, err error) {
	if errors.Is(err, errNotSNS) {
		problem.Write(w, notAnAlert.Because("%s", err.Error()))
		return
	}
	if e, ok := errors.AsType[forgedError](err); ok {
		problem.Write(w, problem.Forbidden.Because("%s", string(e)))
		return
	}
	problem.Write(w, problem.Unavailable.Because("Rouse cannot reach AWS to check the signature, or to confirm the subscription. Send it again."))
}

// readSNS reads a message, and checks that SNS sent it and that it is of the right topic.
func (h *Handler) readSNS(ctx context.Context, header http.Header, body []byte, from Sender) (m snsMessage, settings snsSettings, err error) {
	if settings, err = readSNSSettings(from.Settings); err != nil {
		h.log.WarnContext(ctx, "settings of a key", "key", from.Prefix, "why", err) // they were checked when they were saved: this is a newer version's
	}
	if header.Get("X-Amz-Sns-Rawdelivery") == "true" {
		return m, settings, forged("Raw message delivery is not signed: turn it off for this subscription.")
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, settings, errNotSNS
	}
	if settings.topic != "" && m.TopicArn != settings.topic {
		return m, settings, forged("The message is of another topic than the key is for.")
	}
	return m, settings, m.verify(ctx, h.certificates, time.Now())
}

// confirm asks AWS for the subscription, once. An answer of 4xx says that it cannot be confirmed any more.
func (h *Handler) confirm(ctx context.Context, m snsMessage) error {
	address, ok := subscribeURL(m.SubscribeURL)
	if !ok {
		return forged("SubscribeURL does not lead to Amazon SNS.")
	}
	status, _, err := h.certificates.get(ctx, address)
	switch {
	case err != nil:
		return fmt.Errorf("confirming the subscription to %s: %w", m.TopicArn, err)
	case gone(status):
		return forged("AWS does not confirm the subscription any more: subscribe again.")
	case status != http.StatusOK:
		return fmt.Errorf("confirming the subscription to %s: AWS answered %d", m.TopicArn, status)
	}
	return nil
}

// snsSettings are what a key of the dialect sns may carry.
//
//	topic_arn           the only topic whose messages are taken; by default those of all topics are
//	severity            1, 2 or 3, of a message that says none itself; 2 by default
//	insufficient_data   "page": an alarm that has too little data pages, as if it had gone off; by default
//	                    ("record") it is kept, and pages nobody
type snsSettings struct {
	topic            string
	severity         engine.Severity
	insufficientData engine.Action
}

var topicARN = regexp.MustCompile(`^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+(\.fifo)?$`)

func checkSNS(settings json.RawMessage) error {
	_, err := readSNSSettings(settings)
	return err
}

// readSNSSettings reads settings; what is wrong with them counts as not set.
func readSNSSettings(settings json.RawMessage) (snsSettings, error) {
	f := newSettingsForm(settings, "topic_arn", "severity", "insufficient_data")
	s := snsSettings{severity: engine.Major, insufficientData: engine.Record}
	s.topic = f.text("topic_arn", `the ARN of a topic, such as "arn:aws:sns:eu-central-1:123456789012:alarms"`, topicARN.MatchString)
	if v := f.fields["severity"]; v != nil {
		severity, ok := severityNumber(v)
		if !ok {
			f.refuse(settingsPointer("severity"), textOf(v), "must be 1, 2 or 3")
		} else {
			s.severity = severity
		}
	}
	if f.text("insufficient_data", `"record" or "page"`, func(s string) bool { return s == "record" || s == "page" }) == "page" {
		s.insufficientData = engine.Trigger
	}
	return s, f.err()
}

// subscribeURL is where a subscription is confirmed; false if that is not SNS.
func subscribeURL(given string) (address string, ok bool) {
	u, err := url.Parse(given)
	if err != nil || !isSNS(u) || u.Path != "/" || u.RawPath != "" || u.Query().Get("Action") != "ConfirmSubscription" {
		return "", false
	}
	return (&url.URL{Scheme: "https", Host: u.Host, Path: "/", RawQuery: u.Query().Encode()}).String(), true
}
