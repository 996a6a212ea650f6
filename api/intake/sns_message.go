package intake

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"rouse/engine"
)

// alert is what becomes of a message that is known to be SNS's:
//
//	alarm of CloudWatch     ALARM is a trigger, under the alarm's ARN; OK resolves it; INSUFFICIENT_DATA is kept,
//	                        and pages nobody unless the settings say so
//	anything else           a trigger; those with the same subject are the same trouble, without a subject
//	                        events of the same type and resources, and messages of the same text
//	end of a subscription   a trigger: nothing will come from this topic any more
//	its beginning           is kept
//
// What a description says of "severity: 1", and to a key that is bound to no service of "service: bitbucket",
// counts.
func (m snsMessage) alert(s snsSettings, from Sender, body []byte) engine.Alert {
	a := engine.Alert{Action: engine.Trigger, Service: from.Service, Severity: s.severity, Source: sourceSNS, Raw: cutRaw(body),
		Once: dedupKey(fmt.Sprintf("sns:%d:%s", from.Key, m.MessageID))} // two keys may have subscribed to one topic
	a.At, _ = time.Parse(time.RFC3339, m.Timestamp)
	switch m.Type {
	case snsSubscribe:
		a.Action, a.Summary = engine.Record, oneLine("Subscribed to "+m.TopicArn)
		a.Labels = map[string]string{"topic": oneLine(m.TopicArn)}
		return a
	case snsUnsubscribe:
		a.Severity = engine.Major
		a.Summary = oneLine("Nothing comes from " + m.topic() + " any more: the subscription has ended")
		a.DedupKey = dedupKey("unsubscribed:" + m.TopicArn)
		a.Details = cut(storable(m.TopicArn+"\n\nIf nobody meant this, subscribe again in the console of Amazon SNS. What SNS sent, with an address "+
			"that takes it back, is kept beside this incident."), maxDetails)
		a.Labels = map[string]string{"topic": oneLine(m.TopicArn)}
		return a
	}
	v, _, missing := decodeOrBeginning([]byte(m.Message), true)
	object, _ := v.(map[string]any)
	if missing != nil && !strings.HasPrefix(strings.TrimSpace(m.Message), "{") {
		object, missing = nil, nil // text
	}
	f := fieldsOf(object)
	if alarm, ok := newAlarm(f); ok {
		alarm.fill(&a, s, m)
	} else {
		m.fill(&a, object)
	}
	a.Details = cut(joinBlocks(cut(a.Details, maxDetails-maxNote), missing.note()), maxDetails)
	doubtRequest(&a, missing)
	return a
}

// topic is the name of the topic.
func (m snsMessage) topic() string {
	return m.TopicArn[strings.LastIndexByte(m.TopicArn, ':')+1:]
}

// fill makes an alert of a message that is no alarm: of an event of EventBridge, of other JSON, or of text.
func (m snsMessage) fill(a *engine.Alert, object map[string]any) {
	f := fieldsOf(object)
	var subject string
	if m.Subject != nil {
		subject = oneLine(*m.Subject)
	}
	a.Labels = map[string]string{"topic": oneLine(m.topic())}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		switch f[name].(type) {
		case map[string]any, []any: // details
		default:
			label(a.Labels, name, oneLine(f.text(name)))
		}
	}
	event, same := f.text("detailtype"), m.Message
	if resources := strings.Join(valuesOf(f["resources"]), ", "); event != "" && resources != "" {
		event += ": " + resources
		same = event
	}
	a.Summary = oneLine(first(subject, event, f.text("summary", "title", "message", "description"), firstLine(m.Message), "Message without text from "+m.topic()))
	a.DedupKey = hash([]byte(m.TopicArn + "\x00" + first(subject, same)))
	a.Details = storable(m.Message)
	if len(object) > 0 && len(m.Message) < maxIndented {
		a.Details = textOf(object)
	}
	a.Word = oneLine(f.text("severity", "priority"))
	if severity, ok := severityWithin(a.Word); ok {
		a.Severity = severity
	} else {
		said := a.Word
		if a.Severity, a.Word = tagged(m.Message, a.Severity, a.Word); a.Word == said && said != "" {
			doubtSeverity(a)
		}
	}
	if a.Service == "" {
		a.Service = serviceOf(first(f.text("service"), tag(serviceTag, m.Message)))
	}
}

// firstLine is the first line of a text that is not blank.
func firstLine(text string) string {
	for line := range strings.Lines(text) {
		if line = oneLine(line); line != "" {
			return line
		}
	}
	return ""
}

// label adds a label, unless there are too many.
func label(labels map[string]string, name, value string) {
	if name = oneLine(name); name != "" && value != "" && len(labels) < maxLabels {
		labels[cut(name, maxLabelName)] = cut(value, maxLabelValue)
	}
}

// What people may write into the description of an alarm.
var (
	severityTag = regexp.MustCompile(`(?i)\bsev(?:erity)?\s*[:=]\s*([\w-]{1,40})`)
	serviceTag  = regexp.MustCompile(`(?i)\bservice\s*[:=]\s*([\w-]{1,63})`)
)

func tag(of *regexp.Regexp, text string) string {
	if m := of.FindStringSubmatch(text[:min(len(text), maxDetails)]); m != nil {
		return storable(m[1])
	}
	return ""
}

// tagged is the severity that a text says, and its word for it; else those that were given.
func tagged(text string, severity engine.Severity, word string) (engine.Severity, string) {
	said := tag(severityTag, text)
	if s, ok := severityWithin(said); ok {
		return s, said
	}
	return severity, word
}

// alarm is a change of state of an alarm of CloudWatch, as it sends that to SNS itself, or through EventBridge.
type alarm struct {
	name, description, arn string
	state, before, reason  string
	account, region        string // region as CloudWatch calls it for people, or its code
	at                     string
	trigger                fields // what is measured
}

// newAlarm reads an alarm; false if f is something else.
func newAlarm(f fields) (alarm, bool) {
	trigger, _ := f["trigger"].(map[string]any)
	a := alarm{
		name: f.text("alarmname"), description: f.text("alarmdescription"), arn: f.text("alarmarn"),
		state: f.text("newstatevalue"), before: f.text("oldstatevalue"), reason: f.text("newstatereason"),
		account: f.text("awsaccountid"), region: f.text("region"), at: f.text("statechangetime"), trigger: fieldsOf(trigger),
	}
	if f.text("detailtype") == "CloudWatch Alarm State Change" {
		detail, _ := f["detail"].(map[string]any)
		d := fieldsOf(detail)
		part := func(name string) fields { object, _ := d[name].(map[string]any); return fieldsOf(object) }
		configuration := part("configuration")
		a = alarm{
			name: d.text("alarmname"), description: configuration.text("description"), arn: first(valuesOf(f["resources"])...),
			state: part("state").text("value"), before: part("previousstate").text("value"), reason: part("state").text("reason"),
			account: f.text("account"), region: f.text("region"), at: f.text("time"), trigger: configuration,
		}
	}
	return a, a.name != "" && a.state != ""
}

// fill makes an alert of a change of state.
func (c alarm) fill(a *engine.Alert, s snsSettings, m snsMessage) {
	switch strings.ToUpper(c.state) {
	case "OK":
		a.Action = engine.Resolve
	case "INSUFFICIENT_DATA":
		a.Action = s.insufficientData
	case "ALARM":
	default:
		doubtAction(a, "state", c.state)
	}
	a.Summary = first(oneLine(c.name), oneLine("Alarm without name from "+m.topic()))
	if line := firstLine(c.description); line != "" {
		a.Summary = oneLine(a.Summary + ": " + line)
	}
	a.DedupKey = dedupKey(first(c.arn, strings.Join([]string{"cloudwatch", c.account, c.region, c.name}, ":")))
	a.Severity, a.Word = tagged(c.description, s.severity, "")
	if a.Service == "" {
		a.Service = serviceOf(tag(serviceTag, c.description))
	}
	if at, ok := awsTime(c.at); ok {
		a.At = at
	}
	a.Note = cut(c.reason, maxNote)
	a.Labels = c.labels()
	label(a.Labels, "topic", oneLine(m.topic()))
	state := "State: " + c.state
	if c.before != "" {
		state += ", before: " + c.before
	}
	a.Details = joinBlocks(cut(c.description, maxNote), cut(c.reason, maxNote), oneLine(state), describe(a.Labels, ": ", maxLabels))
	a.Links = c.links()
}

// awsTime reads a time as CloudWatch writes it, "2026-08-22T08:24:38.326+0000", or EventBridge.
func awsTime(text string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05.999-0700", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// labels are what the alarm watches; dimensions stand under their own names.
func (c alarm) labels() map[string]string {
	labels := map[string]string{}
	label(labels, "alarm", oneLine(c.name))
	label(labels, "account", oneLine(c.account))
	label(labels, "region", oneLine(first(c.place().region, c.region)))
	c.measured(labels, c.trigger)
	metrics, _ := c.trigger["metrics"].([]any) // of an alarm on an expression
	for _, metric := range metrics {
		object, _ := metric.(map[string]any)
		stat, _ := fieldsOf(object)["metricstat"].(map[string]any)
		inner, _ := fieldsOf(stat)["metric"].(map[string]any)
		c.measured(labels, fieldsOf(inner))
	}
	return labels
}

// measured adds the labels of a metric, unless another one has them: the first one counts.
func (c alarm) measured(labels map[string]string, f fields) {
	add := func(name, value string) {
		if _, taken := labels[name]; !taken {
			label(labels, name, oneLine(value))
		}
	}
	add("namespace", f.text("namespace"))
	add("metric", f.text("metricname", "name"))
	switch dimensions := f["dimensions"].(type) {
	case []any:
		for _, d := range dimensions {
			object, _ := d.(map[string]any)
			add(fieldsOf(object).text("name"), fieldsOf(object).text("value"))
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(dimensions)) {
			add(name, textOf(dimensions[name]))
		}
	}
}

// place is the partition and the region that an ARN names, "" if it is none.
type place struct{ partition, region string }

func (c alarm) place() place {
	parts := strings.Split(c.arn, ":")
	if len(parts) < 6 || parts[0] != "arn" {
		return place{}
	}
	return place{parts[1], parts[3]}
}

// consoles are where the console of a partition is.
var consoles = map[string]string{"aws": "console.aws.amazon.com", "aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}

func (c alarm) links() (found links) {
	where := c.place()
	if host := consoles[where.partition]; host != "" && where.region != "" {
		found.add("https://"+host+"/cloudwatch/home?region="+url.QueryEscape(where.region)+"#alarmsV2:alarm/"+url.PathEscape(c.name), "CloudWatch alarm")
	}
	return found
}
