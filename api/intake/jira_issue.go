package intake

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// What is kept of an issue.
const (
	maxNote   = 4 << 10 // bytes of what somebody said
	maxValues = 50      // of one field
)

// jiraIssue is one event, and the issue that it is about as that is after it.
type jiraIssue struct {
	request  jiraRequest
	settings jiraSettings
	top      fields // of the whole request
	issue    fields
	fields   fields // of the issue
	items    []jiraItem
	missing  string // what could not be read, for people
	raw      []byte

	key      string // as Jira calls it, "HOT-1234"; "" if there is none
	service  engine.ServiceID
	severity engine.Severity
	word     string // what the field for the severity says, "" if nothing
	known    bool   // the severity is what the word means
}

func newJiraIssue(top fields, s jiraSettings, q jiraRequest) *jiraIssue {
	i := &jiraIssue{request: q, settings: s, top: top, raw: cutRaw(q.body)}
	issue, ok := top["issue"].(map[string]any)
	if i.issue = fieldsOf(issue); !ok && top["fields"] != nil {
		i.issue = top // issue data of an automation rule
	}
	inner, _ := i.issue["fields"].(map[string]any)
	i.fields = fieldsOf(inner)
	i.items = jiraItems(top["changelog"])
	i.key = dedupKey(i.issue.text("key"))
	i.service = s.serviceOf(q.from.Service, valuesOf(i.fields[s.serviceField]))
	i.severity, i.word, i.known = s.severityOf(valuesOf(i.fields[s.severityField]))
	return i
}

// alert is what this event says of the issue, for one action.
func (i *jiraIssue) alert(action engine.Action) engine.Alert {
	a := engine.Alert{
		Action:   action,
		Service:  i.service,
		Severity: i.severity,
		Word:     i.word,
		Summary:  i.summary(),
		DedupKey: i.key,
		Key:      keyOf(i.key),
		Details:  i.details(action),
		Links:    i.links(),
		Labels:   i.labels(),
		By:       i.settings.person(i.top["user"]),
		Once:     i.once(string(action)),
		Source:   sourceJira,
		At:       i.at(),
		Raw:      i.raw,
	}
	if !i.known && i.word != "" {
		doubtSeverity(&a)
	}
	return a
}

// noted is an alert with what was said.
func (i *jiraIssue) noted(action engine.Action, note string) engine.Alert {
	a := i.alert(action)
	a.Note = cut(note, maxNote)
	return a
}

// keyOf is a sender's key for an incident, "" if Rouse cannot call an incident so.
func keyOf(key string) engine.Key {
	if !ownKey.MatchString(key) {
		return ""
	}
	return engine.Key(key)
}

func (i *jiraIssue) summary() string {
	event := i.top.text("webhookevent")
	switch summary := oneLine(i.fields.text("summary")); {
	case summary != "":
		return summary
	case i.key != "":
		return oneLine("Jira issue " + i.key + " without summary")
	case event != "":
		return oneLine("Jira: " + event)
	}
	return "Jira: an event without a name"
}

// details are the description, and what people have to know of how it was read.
func (i *jiraIssue) details(action engine.Action) string {
	notes := []string{i.missing}
	switch {
	case action != engine.Trigger || i.known: // an event of a comment does not tell all fields
	case i.word == "":
		notes = append(notes, "The issue has no severity yet: it counts as 2, major.")
	default:
		notes = append(notes, fmt.Sprintf("%q is no severity that Rouse knows: it counts as 2, major.", i.word))
	}
	below := joinBlocks(notes...)
	return cut(joinBlocks(cut(jiraText(i.fields["description"]), maxDetails-len(below)-2), below), maxDetails)
}

// links are the issue's own page, which is beside the REST resource that is told.
func (i *jiraIssue) links() (found links) {
	self, err := url.Parse(i.issue.text("self"))
	if err != nil || i.key == "" {
		return nil
	}
	base, _, ok := strings.Cut(self.Path, "/rest/") // Data Center may live below a path of its own
	if !ok {
		base = ""
	}
	page := url.URL{Scheme: self.Scheme, Host: self.Host, Path: base + "/browse/" + i.key}
	found.add(page.String(), "Jira "+i.key)
	return found
}

// at is when it happened: what Jira says of the event, else of the issue.
func (i *jiraIssue) at() time.Time {
	if ms, err := strconv.ParseInt(i.top.text("timestamp"), 10, 64); err == nil && ms > 0 && ms < 1e14 { // until the year 5138
		return time.UnixMilli(ms).UTC()
	}
	for _, name := range []string{"updated", "created"} {
		if t, err := time.Parse("2006-01-02T15:04:05.999-0700", i.fields.text(name)); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// labels are what rules may look at: what the issue is, its labels as "tag:", and its custom fields by their id.
func (i *jiraIssue) labels() map[string]string {
	all := map[string]string{}
	add := func(name string, values ...string) {
		if value := cut(strings.Join(values, ", "), maxLabelValue); value != "" && len(all) < maxLabels {
			all[name] = value
		}
	}
	for _, name := range []string{"project", "issuetype", "status", "priority", "resolution"} {
		add(name, first(valuesOf(i.fields[name])...))
	}
	if project, ok := i.fields["project"].(map[string]any); ok {
		add("project", first(fieldsOf(project).text("key"), all["project"]))
	}
	add("component", valuesOf(i.fields["components"])...)
	add("reporter", jiraName(i.fields["reporter"]))
	add("assignee", jiraName(i.fields["assignee"]))
	add("webhook_retry", oneLine(i.request.retry))
	add("webhook_flow", oneLine(i.request.flow))
	for _, label := range valuesOf(i.fields["labels"]) {
		if len(all) < maxLabels {
			all[cut("tag:"+label, maxLabelName)] = ""
		}
	}
	for _, name := range slices.Sorted(maps.Keys(i.fields)) {
		if id, ok := strings.CutPrefix(name, "customfield"); ok && strings.Trim(id, "0123456789") == "" {
			add("customfield_"+id, valuesOf(i.fields[name])...)
		}
	}
	return all
}

// isDone tells whether an issue is over in a status; category is Jira's own word for that, "" if it does not say.
func (s jiraSettings) isDone(status, category string) bool {
	switch {
	case len(s.done) > 0:
		return s.done[foldName(status)]
	case category != "":
		return category == "done"
	}
	return overStatuses[foldName(status)]
}

// overStatuses are names of statuses, folded, that are taken for over where Jira does not say.
var overStatuses = map[string]bool{
	"done": true, "closed": true, "resolved": true, "fixed": true, "completed": true, "canceled": true, "cancelled": true,
	"declined": true, "wontdo": true, "won'tdo": true,
}

// status is the status of the issue, and Jira's category of it.
func (i *jiraIssue) status() (name, category string) {
	object, ok := i.fields["status"].(map[string]any)
	if !ok {
		return i.fields.text("status"), ""
	}
	f := fieldsOf(object)
	if c, ok := f["statuscategory"].(map[string]any); ok {
		category = foldName(fieldsOf(c).text("key"))
	}
	return f.text("name"), category
}

func (i *jiraIssue) done() bool { return i.settings.isDone(i.status()) }

// valuesOf are the values of a field, however Jira writes it: a text, a number, {"value": …}, {"name": …}, a
// list of those, or null. Of a cascading select the outer value comes first.
func valuesOf(v any) (values []string) {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		for _, element := range v {
			if len(values) < maxValues {
				values = append(values, valuesOf(element)...)
			}
		}
		return values
	case map[string]any:
		if v["type"] == "doc" {
			return texts(jiraText(v))
		}
		f := fieldsOf(v)
		values = texts(f.text("value", "name", "displayname", "label", "title", "key"))
		if child, ok := f["child"].(map[string]any); ok {
			values = append(values, texts(fieldsOf(child).text("value", "name"))...)
		}
		return values
	}
	return texts(textOf(v))
}

// texts is a list of s in one line, empty if that is blank.
func texts(s string) []string {
	if s = oneLine(s); s == "" {
		return nil
	}
	return []string{s}
}

// serviceOf is whose trouble it is: the key's, else what the first value says that stands in the settings, else
// what the first value says.
func (s jiraSettings) serviceOf(bound engine.ServiceID, values []string) engine.ServiceID {
	if bound != "" {
		return bound
	}
	for _, value := range values {
		if service, ok := s.services[foldName(value)]; ok {
			return service
		}
	}
	return serviceOf(first(values...))
}

// severityOf is what the first value says that is a severity; known is false if none is, the severity is major
// then and word what stands there instead.
func (s jiraSettings) severityOf(values []string) (severity engine.Severity, word string, known bool) {
	for _, value := range values {
		if severity, ok := s.severities[foldName(value)]; ok {
			return severity, value, true
		}
		if severity, ok := severityWithin(value); ok && (s.severityField != "labels" || wholly(value)) {
			return severity, value, true
		}
	}
	if s.severityField == "labels" {
		return engine.Major, "", false // they are about something else
	}
	return engine.Major, first(values...), false
}

// wholly tells whether a text is a word for a severity and nothing else: "page-speed" and "s3" are labels of
// another kind.
func wholly(text string) bool {
	_, ok := severityOf(text)
	return ok
}

// numbered is a number from 0 to 5 at the beginning, or behind a word for severity: "2 - High", "Severity 2",
// "Sev-1 (down)", "S3".
var numbered = regexp.MustCompile(`(?i)^\s*([0-5])\b|\b(?:sev(?:erity)?|prio(?:rity)?|level|s|p)[\s:._#-]*([0-5])\b`)

// severityWithin finds a severity in what people call the values of a field.
func severityWithin(text string) (engine.Severity, bool) {
	if s, ok := severityOf(text); ok {
		return s, true
	}
	if m := numbered.FindStringSubmatch(text); m != nil {
		return severityOf("sev" + m[1] + m[2])
	}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !('a' <= r|0x20 && r|0x20 <= 'z') }) {
		if s, ok := severityOf(word); ok {
			return s, true
		}
	}
	return engine.Major, false
}

// person is whoever a user of Jira is: the handle that the settings say, else what identifies them best. "" if v
// is nobody.
func (s jiraSettings) person(v any) rosters.PersonID {
	object, ok := v.(map[string]any)
	if !ok {
		return s.personNamed(textOf(v))
	}
	f := fieldsOf(object)
	return s.personNamed(f.text("accountid"), f.text("emailaddress"), f.text("displayname"), f.text("name"), f.text("key"))
}

// personNamed is whoever has these names: an account id first, which says little by itself, then the others,
// the best first.
func (s jiraSettings) personNamed(account string, names ...string) rosters.PersonID {
	for _, name := range append([]string{account}, names...) {
		if handle, ok := s.people[foldPerson(name)]; ok && name != "" {
			return handle
		}
	}
	name := oneLine(first(append(names, account)...))
	if strings.Contains(name, "@") {
		name = strings.ToLower(name)
	}
	return rosters.PersonID(cut(name, maxDedup))
}

// jiraName is what a user is called.
func jiraName(v any) string {
	object, ok := v.(map[string]any)
	if !ok {
		return oneLine(textOf(v))
	}
	return oneLine(fieldsOf(object).text("displayname", "emailaddress", "name", "accountid"))
}
