package intake

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/pager"
)

const (
	snsTopic   = "arn:aws:sns:eu-central-1:123456789012:alarms"
	signingURL = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-7506a1e35b36ef5a444dd1a8e7cc3ed8.pem"
)

// bySNS makes a message as SNS would send it, with the key of the certificate at signingURL.
func bySNS(t testing.TB, m snsMessage) snsMessage {
	t.Helper()
	m.TopicArn, m.Timestamp = first(m.TopicArn, snsTopic), first(m.Timestamp, "2026-08-22T08:24:38.326Z")
	m.Type, m.MessageID = first(m.Type, snsNotify), first(m.MessageID, "26858270-545e-5848-82a2-e05566af3dcf")
	m.SigningCertURL, m.SignatureVersion = first(m.SigningCertURL, signingURL), first(m.SignatureVersion, "1")
	text, _ := m.signed()
	method, digest := crypto.SHA256, sha256.Sum256(text)
	sum := digest[:]
	if m.SignatureVersion != "2" {
		digest := sha1.Sum(text)
		method, sum = crypto.SHA1, digest[:]
	}
	signature, err := rsa.SignPKCS1v15(rand.Reader, signingKey(), method, sum)
	if err != nil {
		t.Fatal(err)
	}
	m.Signature = base64.StdEncoding.EncodeToString(signature)
	return m
}

// asSent is a message as it is sent.
func asSent(t testing.TB, m snsMessage) string {
	t.Helper()
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sns posts to the dialect of a desk that knows AWS.
func (d *desk) sns(service engine.ServiceID, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/v1/sns/key-of-"+string(service), strings.NewReader(body))
	r.SetPathValue("key", "key-of-"+string(service))
	r.Header.Set("Content-Type", "text/plain; charset=UTF-8")
	w := httptest.NewRecorder()
	d.h.SNS(w, r)
	return w
}

// at lets a desk ask this AWS.
func (d *desk) at(a *aws) *desk {
	d.h.certificates = newCertificates(a.client)
	return d
}

func TestAlarmsOfCloudWatch(t *testing.T) {
	d := newDesk(nil).at(newAWS(t))
	for i, tt := range []struct {
		file, version string
		want          received
	}{
		{"sns-alarm.json", "1", received{"HOT-1", pager.Opened, "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:db1 disk", "", ""}},
		{"sns-alarm.json", "2", received{"HOT-1", pager.Joined, "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:db1 disk", "", ""}},
		{"sns-ok.json", "2", received{"HOT-1", pager.Closed, "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:db1 disk", "", ""}},
	} {
		subject := `ALARM: "db1 disk" in EU (Frankfurt)`
		w := d.sns("database", asSent(t, bySNS(t, snsMessage{Message: fromFile(t, tt.file), Subject: &subject, SignatureVersion: tt.version})))
		if got := decodeInto[answers](t, w); w.Code != 202 || !reflect.DeepEqual(got.Alerts, []received{tt.want}) {
			t.Errorf("%d: %d %s", i, w.Code, w.Body)
		}
	}
	want := engine.Alert{
		Action: engine.Trigger, Service: "database", Severity: engine.Critical, Word: "1", Summary: "db1 disk: Disk of db1 is full.",
		DedupKey: "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:db1 disk",
		Note:     "Threshold Crossed: 1 out of the last 1 datapoints [96.5 (22/08/26 08:19:00)] was greater than the threshold (90.0).",
		Labels: map[string]string{"alarm": "db1 disk", "account": "123456789012", "region": "eu-central-1", "namespace": "CWAgent", "metric": "disk_used_percent",
			"InstanceId": "i-0a1", "path": "/", "topic": "alarms"},
		Links: []engine.Link{{Href: "https://console.aws.amazon.com/cloudwatch/home?region=eu-central-1#alarmsV2:alarm/db1%20disk", Text: "CloudWatch alarm"}},
		Once:  "sns:1:26858270-545e-5848-82a2-e05566af3dcf", At: time.Date(2026, 8, 22, 8, 24, 38, 210e6, time.UTC),
	}
	got := what(d.got[0])
	for _, says := range []string{"Disk of db1 is full.\nRunbook: https://wiki.example/disk\nseverity: 1", want.Note, "State: ALARM, before: OK", "InstanceId: i-0a1"} {
		if !strings.Contains(got.Details, says) {
			t.Errorf("the details do not say %q: %s", says, got.Details)
		}
	}
	if got.Details = ""; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for _, a := range d.got {
		wantWhole(t, a)
	}
	if d.log.Len() > 0 {
		t.Errorf("the log says %s", d.log)
	}
}

func TestMessagesOfSNS(t *testing.T) {
	hello := "Hello"
	for _, tt := range []struct {
		name, settings string
		m              snsMessage
		check          func(a engine.Alert) bool
	}{
		{"an alarm that says little", ``, snsMessage{Message: `{"AlarmName":"a","NewStateValue":"ALARM"}`}, func(a engine.Alert) bool {
			return a.Action == engine.Trigger && a.Summary == "a" && a.Severity == engine.Major && a.DedupKey == "cloudwatch:::a" && len(a.Links) == 0 && a.At.Hour() == 8
		}},
		{"the severity of the settings", `{"severity":3}`, snsMessage{Message: `{"AlarmName":"a","NewStateValue":"ALARM"}`}, func(a engine.Alert) bool { return a.Severity == engine.Minor && a.Word == "" }},
		{"the severity of the description", `{"severity":3}`, snsMessage{Message: `{"AlarmName":"a","NewStateValue":"ALARM","AlarmDescription":"x, Sev=high"}`},
			func(a engine.Alert) bool { return a.Severity == engine.Major && a.Word == "high" }},
		{"no severity in the description", `{"severity":3}`, snsMessage{Message: `{"AlarmName":"a","NewStateValue":"ALARM","AlarmDescription":"severity: purple"}`},
			func(a engine.Alert) bool { return a.Severity == engine.Minor && a.Word == "" }},
		{"the service of the description", ``, snsMessage{Message: `{"AlarmName":"a","NewStateValue":"ALARM","AlarmDescription":"service: bitbucket"}`}, func(a engine.Alert) bool { return a.Service == "bitbucket" }},
		{"too little data", ``, snsMessage{Message: `{"AlarmName":"a","NewStateValue":"INSUFFICIENT_DATA"}`}, func(a engine.Alert) bool { return a.Action == engine.Record }},
		{"too little data, which pages", `{"insufficient_data":"page"}`, snsMessage{Message: `{"AlarmName":"a","NewStateValue":"INSUFFICIENT_DATA"}`}, func(a engine.Alert) bool { return a.Action == engine.Trigger }},
		{"a state that nobody knows", ``, snsMessage{Message: `{"AlarmName":"a","NewStateValue":"SMOULDERING"}`}, func(a engine.Alert) bool { return a.Action == engine.Trigger }},
		{"an alarm on an expression", ``, snsMessage{Message: `{"AlarmName":"a","NewStateValue":"ALARM","Trigger":{"Metrics":[{"Id":"e1","Expression":"m1/m2"},
			{"Id":"m1","MetricStat":{"Metric":{"MetricName":"Errors","Namespace":"AWS/Lambda","Dimensions":[{"name":"FunctionName","value":"f"}]}}},
			{"Id":"m2","MetricStat":{"Metric":{"MetricName":"Invocations","Namespace":"AWS/Lambda","Dimensions":[]}}}]}}`},
			func(a engine.Alert) bool { return a.Labels["metric"] == "Errors" && a.Labels["FunctionName"] == "f" }},
		{"an alarm in China", ``, snsMessage{Message: `{"AlarmName":"a","NewStateValue":"ALARM","AlarmArn":"arn:aws-cn:cloudwatch:cn-north-1:1:alarm:a"}`},
			func(a engine.Alert) bool {
				return a.Links[0].Href == "https://console.amazonaws.cn/cloudwatch/home?region=cn-north-1#alarmsV2:alarm/a"
			}},
		{"an alarm through EventBridge", ``, snsMessage{Message: fromFile(t, "sns-eventbridge-alarm.json")}, func(a engine.Alert) bool {
			return a.Action == engine.Trigger && a.DedupKey == "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:db1 disk" && a.Summary == "db1 disk: Disk of db1 is full." &&
				a.Labels["metric"] == "disk_used_percent" && a.Labels["InstanceId"] == "i-0a1" && a.Labels["region"] == "eu-central-1"
		}},
		{"an event of EventBridge", ``, snsMessage{Message: `{"version":"0","id":"1","detail-type":"EC2 Spot Instance Interruption Warning","source":"aws.ec2","account":"123456789012",
			"time":"2026-08-22T08:24:38Z","region":"eu-central-1","resources":["arn:aws:ec2:eu-central-1:1:instance/i-1"],"detail":{"instance-action":"terminate"}}`}, func(a engine.Alert) bool {
			return a.Summary == "EC2 Spot Instance Interruption Warning: arn:aws:ec2:eu-central-1:1:instance/i-1" && a.Labels["source"] == "aws.ec2" && strings.Contains(a.Details, "terminate")
		}},
		{"other JSON", ``, snsMessage{Message: `{"title":"Backup failed","severity":"critical","service":"Backup","n":7}`}, func(a engine.Alert) bool {
			return a.Summary == "Backup failed" && a.Severity == engine.Critical && a.Word == "critical" && a.Service == "backup" && a.Labels["n"] == "7"
		}},
		{"text with a subject", ``, snsMessage{Message: "line 1\nline 2", Subject: &hello}, func(a engine.Alert) bool {
			return a.Summary == "Hello" && a.Details == "line 1\nline 2" && a.Severity == engine.Major
		}},
		{"text", ``, snsMessage{Message: "\n line 1 \nline 2\nseverity: 1"}, func(a engine.Alert) bool { return a.Summary == "line 1" && a.Severity == engine.Critical }},
		{"text that is JSON", ``, snsMessage{Message: `"x"`}, func(a engine.Alert) bool { return a.Summary == `"x"` }},
		{"a list", ``, snsMessage{Message: `[1]`}, func(a engine.Alert) bool { return a.Summary == "[1]" }},
		{"nothing", ``, snsMessage{}, func(a engine.Alert) bool { return a.Summary == "Message without text from alarms" }},
		{"JSON that breaks off", ``, snsMessage{Message: `{"AlarmName":"a","NewStateValue":"ALARM","AlarmDescription":"`}, func(a engine.Alert) bool {
			return a.Summary == "a" && a.Action == engine.Trigger && strings.Contains(a.Details, "Not all of the request was read")
		}},
		{"the end of a subscription", ``, snsMessage{Type: snsUnsubscribe, Message: "You have chosen to deactivate subscription …", SubscribeURL: "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription"},
			func(a engine.Alert) bool {
				return a.Action == engine.Trigger && a.Severity == engine.Major && a.Summary == "Nothing comes from alarms any more: the subscription has ended" && a.DedupKey == "unsubscribed:"+snsTopic
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			settings, err := readSNSSettings(json.RawMessage(tt.settings))
			if err != nil {
				t.Fatal(err)
			}
			a := bySNS(t, tt.m).alert(settings, Sender{Key: 1}, []byte("raw"))
			wantWhole(t, a)
			if !tt.check(a) {
				t.Errorf("got %+v", what(a))
			}
		})
	}
}

// Messages of one subject are one trouble, those of another topic are not; without a subject the text decides.
func TestWhatIsTheSameForSNS(t *testing.T) {
	subject, other := "Backup failed", "Backup failed again"
	dedup := func(m snsMessage) string {
		return bySNS(t, m).alert(snsSettings{severity: engine.Major}, Sender{}, nil).DedupKey
	}
	event := func(id, resource string) snsMessage {
		return snsMessage{Message: `{"id":"` + id + `","detail-type":"x","resources":[` + resource + `]}`}
	}
	for _, tt := range []struct {
		name string
		a, b snsMessage
		same bool
	}{
		{"subject", snsMessage{Subject: &subject, Message: "1"}, snsMessage{Subject: &subject, Message: "2"}, true},
		{"another subject", snsMessage{Subject: &subject}, snsMessage{Subject: &other}, false},
		{"another topic", snsMessage{Subject: &subject}, snsMessage{Subject: &subject, TopicArn: snsTopic + "2"}, false},
		{"text", snsMessage{Message: "1"}, snsMessage{Message: "1"}, true},
		{"another text", snsMessage{Message: "1"}, snsMessage{Message: "2"}, false},
		{"event", event("1", `"i-1"`), event("2", `"i-1"`), true},
		{"event of another resource", event("1", `"i-1"`), event("2", `"i-2"`), false},
		{"event of no resource", event("1", ``), event("2", ``), false},
	} {
		if got := dedup(tt.a) == dedup(tt.b); got != tt.same {
			t.Errorf("%s: the same: %v", tt.name, got)
		}
	}
}

// Only what SNS signed is taken, and nothing of it may have been changed.
func TestForgedMessages(t *testing.T) {
	a := newAWS(t)
	hello := "Hello"
	for _, tt := range []struct {
		name   string
		change func(m *snsMessage)
		says   string
	}{
		{"another text", func(m *snsMessage) { m.Message = "y" }, "The signature is not that of the message."},
		{"another id", func(m *snsMessage) { m.MessageID += "0" }, "The signature"},
		{"another subject", func(m *snsMessage) { s := "Bye"; m.Subject = &s }, "The signature"},
		{"no subject", func(m *snsMessage) { m.Subject = nil }, "The signature"},
		{"another time", func(m *snsMessage) { m.Timestamp = "2027-08-22T08:24:38.326Z" }, "The signature"},
		{"another topic", func(m *snsMessage) { m.TopicArn += "0" }, "The signature"},
		{"another type", func(m *snsMessage) { m.Type = snsUnsubscribe }, "The signature"},
		{"no signature", func(m *snsMessage) { m.Signature = "" }, "is not signed"},
		{"not a signature", func(m *snsMessage) { m.Signature = "EXAMPLE!" }, "is not signed"},
		{"a short signature", func(m *snsMessage) { m.Signature = "AAAA" }, "The signature"},
		{"the other version", func(m *snsMessage) { m.SignatureVersion = "2" }, "The signature"},
		{"an unknown version", func(m *snsMessage) { m.SignatureVersion = "3" }, "neither 1 nor 2"},
		{"no version", func(m *snsMessage) { m.SignatureVersion = "" }, "neither 1 nor 2"},
		{"a certificate elsewhere", func(m *snsMessage) { m.SigningCertURL = "https://example.org/x.pem" }, "does not lead to a certificate at Amazon SNS"},
		{"a certificate that is not there", func(m *snsMessage) { m.SigningCertURL = strings.Replace(signingURL, "7506", "0000", 1) }, "There is no certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := bySNS(t, snsMessage{Message: "x", Subject: &hello})
			tt.change(&m)
			d := newDesk(nil).at(a)
			wantRefusal(t, d.sns("", asSent(t, m)), 403, "forbidden", tt.says)
			if len(d.got) > 0 {
				t.Error("it was taken in")
			}
			if !strings.Contains(d.log.String(), "request from sns refused") {
				t.Error("nobody is told in the log")
			}
		})
	}
}

func TestNotOfSNS(t *testing.T) {
	for name, body := range map[string]string{
		"nothing": "", "not JSON": "x", "a list": "[]", "wrong types": `{"Type":7}`, "an alert of our own": `{"summary":"x"}`,
		"a message that is no text": `{"Type":"Notification","Message":{}}`, "a type that is unknown": `{"Type":"Bill","Message":"x"}`, "deep": strings.Repeat("[", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(nil)
			wantRefusal(t, d.sns("", body), 400, "not-an-alert", "not a message of Amazon SNS")
		})
	}
	d := newDesk(nil)
	wantRefusal(t, d.sns("", strings.Repeat("x", maxSNSBody+1)), 413, "too-large", "larger than 1048576 bytes")
	r := httptest.NewRequest(http.MethodPost, "/v1/sns?token=key-of-", strings.NewReader("{}"))
	r.Header.Set("X-Amz-Sns-Rawdelivery", "true")
	w := httptest.NewRecorder()
	d.h.SNS(w, r)
	wantRefusal(t, w, 403, "forbidden", "Raw message delivery is not signed")
	r = httptest.NewRequest(http.MethodPost, "/v1/sns", strings.NewReader("{}"))
	w = httptest.NewRecorder()
	d.h.SNS(w, r)
	wantRefusal(t, w, 401, "unauthorized", "The request carries no key")
	r = httptest.NewRequest(http.MethodPost, "/v1/sns?token=key-of-", brokenReader{})
	w = httptest.NewRecorder()
	d.h.SNS(w, r)
	wantRefusal(t, w, 503, "not-stored", "broke off")
}

// A key may be for one topic; what is of another is refused before anything is asked of AWS.
func TestKeyForOneTopic(t *testing.T) {
	a := newAWS(t)
	d := newDesk(nil).at(a)
	d.h.keys = fakeKeys{settings: map[string]string{"key-of-": `{"topic_arn":"` + snsTopic + `"}`}}
	wantRefusal(t, d.sns("", asSent(t, bySNS(t, snsMessage{Message: "x", TopicArn: snsTopic + "2"}))), 403, "forbidden", "of another topic")
	if n := a.asked.Load(); n != 0 {
		t.Errorf("%d requests to AWS", n)
	}
	if w := d.sns("", asSent(t, bySNS(t, snsMessage{Message: "x"}))); w.Code != 202 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

const confirmURL = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + snsTopic + "&Token=t0ken"

func TestSubscription(t *testing.T) {
	a := newAWS(t)
	d := newDesk(nil).at(a)
	m := bySNS(t, snsMessage{Type: snsSubscribe, Token: "t0ken", SubscribeURL: confirmURL})
	if w := d.sns("", asSent(t, m)); w.Code != 202 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if got := a.confirmed(); len(got) != 1 || got[0].Get("Token") != "t0ken" || got[0].Get("TopicArn") != snsTopic {
		t.Errorf("confirmed %v", got)
	}
	if len(d.got) != 1 || d.got[0].Action != engine.Record || d.got[0].Summary != "Subscribed to "+snsTopic {
		t.Errorf("kept %+v", d.got)
	}

	for _, tt := range []struct {
		name   string
		m      snsMessage
		status int
		says   string
	}{
		{"not signed", func() snsMessage { m := m; m.SubscribeURL += "1"; return m }(), 403, "The signature"},
		{"elsewhere", bySNS(t, snsMessage{Type: snsSubscribe, SubscribeURL: "https://evil.example/?Action=ConfirmSubscription"}), 403, "SubscribeURL does not lead to Amazon SNS"},
		{"another action", bySNS(t, snsMessage{Type: snsSubscribe, SubscribeURL: "https://sns.eu-central-1.amazonaws.com/?Action=DeleteTopic"}), 403, "SubscribeURL does not lead"},
		{"too late", bySNS(t, snsMessage{Type: snsSubscribe, SubscribeURL: strings.Replace(confirmURL, "t0ken", "late", 1)}), 403, "subscribe again"},
		{"AWS is ill", bySNS(t, snsMessage{Type: snsSubscribe, SubscribeURL: strings.Replace(confirmURL, "t0ken", "ill", 1)}), 503, "cannot reach AWS"},
		{"AWS sends elsewhere", bySNS(t, snsMessage{Type: snsSubscribe, SubscribeURL: strings.Replace(confirmURL, "t0ken", "moved", 1)}), 503, "cannot reach AWS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(nil).at(a)
			kind := map[int]string{403: "forbidden", 503: "unavailable"}[tt.status]
			wantRefusal(t, d.sns("", asSent(t, tt.m)), tt.status, kind, tt.says)
			if len(d.got) > 0 {
				t.Error("it was taken in")
			}
		})
	}
}

// What cannot be checked just now, or not be stored, SNS is to send again.
func TestSNSSendsAgain(t *testing.T) {
	body := asSent(t, bySNS(t, snsMessage{Message: "x"}))
	a := newAWS(t)
	a.down.Store(true)
	d := newDesk(nil).at(a)
	wantRefusal(t, d.sns("", body), 503, "unavailable", "cannot reach AWS")
	if len(d.got) > 0 {
		t.Error("it was taken in")
	}
	d = newDesk(func(context.Context, engine.Alert) error { return errors.New("no") }).at(newAWS(t))
	wantRefusal(t, d.sns("", body), 503, "not-stored", "")
}

// SNS that hangs up after its request has handed the message over.
func TestSNSHangsUp(t *testing.T) {
	d := newDesk(nil).at(newAWS(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d.h.SNS(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/sns?token=key-of-", strings.NewReader(asSent(t, bySNS(t, snsMessage{Message: "x"})))))
	if len(d.got) != 1 {
		t.Errorf("the message is lost: %s", d.log)
	}
}

func TestSettingsOfSNS(t *testing.T) {
	for settings, want := range map[string]string{
		`{"topic_arn":"` + snsTopic + `","severity":1,"insufficient_data":"page"}`: "",
		`{"severity":"3"}`:                          "",
		`{"topic_arn":"arn:aws:sqs:eu-west-1:1:x"}`: `/settings/topic_arn "arn:aws:sqs:eu-west-1:1:x": must be the ARN of a topic, such as "arn:aws:sns:eu-central-1:123456789012:alarms"`,
		`{"severity":4}`:                            `/settings/severity "4": must be 1, 2 or 3`,
		`{"insufficient_data":"no"}`:                `/settings/insufficient_data "no": must be "record" or "page"`,
		`{"topic":"x"}`:                             `/settings/topic "x": is not known; use one of topic_arn, severity, insufficient_data`,
	} {
		var got string
		if err := CheckSettings("sns", json.RawMessage(settings)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", settings, got, want)
		}
	}
}

// Whatever is signed becomes an alert; whatever is not is refused.
func FuzzSNS(f *testing.F) {
	for _, name := range []string{"sns-alarm.json", "sns-ok.json", "sns-eventbridge-alarm.json"} {
		f.Add(fromFile(f, name), "Subject", uint8(0), []byte{})
	}
	f.Add("text\nsev: 1", "", uint8(1), []byte(`{"Type":"Notification"}`))
	f.Add("{\"AlarmName\":\"\\u0001\",\"NewStateValue\":\"OK", "", uint8(0), []byte{}) // a name that shows nothing, and cut off
	f.Add(`{"AlarmName":"\u0000","NewStateValue":"OK","Trigger":{"Dimensions":{"a":1}}}`, "", uint8(2), []byte("["))
	a := newAWS(f)
	types := []string{snsNotify, snsSubscribe, snsUnsubscribe}
	d := newDesk(nil).at(a)
	f.Fuzz(func(t *testing.T, message, subject string, kind uint8, body []byte) {
		d.got, d.open = nil, nil
		w := d.sns("", string(body))
		if w.Code != 403 && w.Code != 400 || len(d.got) > 0 {
			t.Fatalf("not signed, and %d: %d alerts", w.Code, len(d.got))
		}
		m := snsMessage{Message: strings.ToValidUTF8(message, "?"), Type: types[int(kind)%3], SubscribeURL: confirmURL}
		if subject != "" {
			subject = strings.ToValidUTF8(subject, "?")
			m.Subject = &subject
		}
		w = d.sns("", asSent(t, bySNS(t, m)))
		if w.Code != 202 || len(d.got) != 1 {
			t.Fatalf("%d %s: %d alerts", w.Code, w.Body, len(d.got))
		}
		wantWhole(t, d.got[0])
		if len(d.got[0].Note) > maxNote || len(d.got[0].Once) > maxDedup {
			t.Errorf("too long: note %d, once %d", len(d.got[0].Note), len(d.got[0].Once))
		}
	})
}
