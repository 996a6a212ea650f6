package intake

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// What is kept of an alert of Opsgenie beside what is kept of every alert.
const (
	maxOpsgenieTags       = 50      // Opsgenie takes 20
	maxOpsgenieResponders = 50      // as many as are kept of an alert
	maxOpsgenieNote       = 4 << 10 // bytes
	maxOpsgenieName       = 200     // bytes: of a user or responder
)

// The names of the labels of an alert of Opsgenie, beside those of its details. A tag is a label of its own;
// one that is a name and a value ("env:prod") is the label of that name as well. In an amendment, a label that
// is "" was taken away.
const (
	opsgenieTag    = "tag:"
	opsgenieTagged = "true"
	opsgenieEntity = "entity"
	opsgenieSource = "source"
	opsgenieUser   = "user"
)

// opsgenieRequest is what a request says apart from its body.
type opsgenieRequest struct {
	id    string
	from  Sender
	about opsgenieRef // of a create nothing
	query url.Values
}

// opsgenieWrite is a request that becomes an alert, as far as it could be read. Its methods make the alert.
//
// They refuse only what asks for something without saying what, and so would be kept for nothing: whom to page,
// until when to snooze, which tags. Closing, acknowledging and escalating need no body, and creating takes any.
type opsgenieWrite struct {
	opsgenieRequest
	fields // of the body; nil if it is no object
	body   []byte
	odd    *partial          // why the body was read in part only; nil: it was not
	custom map[string]string // of a create, its details
	left   int               // how many of them were left out
	alert  engine.Alert
}

// readOpsgenie reads a request.
func readOpsgenie(r opsgenieRequest, body []byte, whole bool, build func(*opsgenieWrite) *opsgenieRefusal) (a engine.Alert, refused *opsgenieRefusal) {
	q := opsgenieWrite{opsgenieRequest: r, body: body}
	if len(bytes.TrimSpace(body)) > 0 {
		var v any
		v, _, q.odd = decodeOrBeginning(body, whole)
		object, ok := v.(map[string]any)
		if ok {
			q.fields = opsgenieFields(object)
		} else if q.odd == nil && v != nil {
			q.odd = &partial{why: errors.New("no JSON object")}
		}
	}
	q.alert = engine.Alert{Service: r.from.Service, Severity: engine.Major, Source: sourceOpsgenie, Once: opsgenieOnce(r.id), Raw: cutRaw(body)}
	if r.about.name != "" {
		q.alert.Incident, q.alert.DedupKey = r.about.key(), dedupKey(r.about.name)
	}
	q.alert.By = rosters.PersonID(cut(oneLine(q.said("user")), maxOpsgenieName))
	q.alert.Note = cut(q.said("note"), maxOpsgenieNote)
	refused = build(&q)
	doubtRequest(&q.alert, q.odd)
	return q.alert, refused
}

// opsgenieFields are the members of a body that mean something here, and not what else there may be by the thousand.
func opsgenieFields(object map[string]any) fields {
	known := map[string]any{}
	for name, v := range object {
		switch foldName(name) {
		case "message", "alias", "description", "responders", "responder", "teams", "team", "recipients", "visibleto", "actions", "tags",
			"details", "entity", "source", "priority", "user", "note", "endtime", "escalation", "owner":
			known[name] = v
		}
	}
	return fieldsOf(known)
}

// said is what the body says, or the query: requests to delete have no body.
func (q *opsgenieWrite) said(name string) string {
	return first(q.text(name), strings.TrimSpace(storable(q.query.Get(name))))
}

// act is a request that is done by an action and its note alone. Its summary is what the alert is called.
func (q *opsgenieWrite) act(action engine.Action) *opsgenieRefusal {
	q.alert.Action = action
	q.alert.Summary = oneLine(first(q.about.name, "Alert without a name"))
	return nil
}

func (q *opsgenieWrite) close() *opsgenieRefusal         { return q.act(engine.Resolve) }
func (q *opsgenieWrite) acknowledge() *opsgenieRefusal   { return q.act(engine.Acknowledge) }
func (q *opsgenieWrite) unacknowledge() *opsgenieRefusal { return q.act(engine.Unacknowledge) }

// escalate names an escalation at Opsgenie, and asks for its next level. Rouse goes to the next level of the
// ladder that it is climbing; whom the request names is kept.
func (q *opsgenieWrite) escalate() *opsgenieRefusal {
	q.alert.Responders = opsgenieResponders(q.fields["escalation"], "escalation")
	return q.act(engine.Escalate)
}

func (q *opsgenieWrite) snooze() *opsgenieRefusal {
	until, ok := opsgenieTime(q.said("endtime"))
	if !ok {
		return q.lacks("endTime", "must be a time such as 2027-01-31T09:00:00Z, until which to snooze")
	}
	q.alert.Until = until
	return q.act(engine.Snooze)
}

// opsgenieTime reads a time: RFC 3339, or milliseconds since 1970.
func opsgenieTime(s string) (time.Time, bool) {
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at, true
	}
	ms, err := strconv.ParseInt(s, 10, 64)
	if err != nil || ms < 0 || ms > opsgenieLastMilli {
		return time.Time{}, false
	}
	return time.UnixMilli(ms).UTC(), true
}

// opsgenieLastMilli is the end of the year 9999: what is later neither JSON nor Postgres would take.
const opsgenieLastMilli = 253402300799999

func (q *opsgenieWrite) assign() *opsgenieRefusal {
	if q.alert.Responders = opsgenieResponders(q.fields["owner"], "user"); len(q.alert.Responders) == 0 {
		return q.lacks("owner", `must name a user, such as {"username": "ann@example.com"}`)
	}
	if q.alert.Note == "" {
		q.alert.Note = "Assigned to " + q.alert.Responders[0].Name
	}
	return q.act(engine.PageMore)
}

func (q *opsgenieWrite) respond() *opsgenieRefusal {
	q.alert.Responders = q.responders()
	if len(q.alert.Responders) == 0 {
		return q.lacks("responder", `must name somebody, such as {"type": "team", "name": "database"}`)
	}
	return q.act(engine.PageMore)
}

func (q *opsgenieWrite) comment() *opsgenieRefusal {
	if q.alert.Note == "" {
		return q.lacks("note", "must not be empty")
	}
	return q.act(engine.Comment)
}

// amend changes an alert. Its summary says what is other now. Details that are "", and labels that are not
// named, stay as they were; and so does the severity if there is no word for it.
func (q *opsgenieWrite) amend(what string) *opsgenieRefusal {
	q.alert.Action = engine.Amend
	q.alert.Summary = oneLine(what)
	return nil
}

// setMessage and setDescription take an empty text, which changes nothing: Alertmanager's templates make one,
// and a notification of its fails as a whole if one of its requests is refused.
func (q *opsgenieWrite) setMessage() *opsgenieRefusal {
	message := q.text("message")
	if q.odd != nil && message == "" {
		return q.lacks("message", "must be a text")
	}
	return q.amend(first(oneLine(message), "Message without text"))
}

func (q *opsgenieWrite) setDescription() *opsgenieRefusal {
	description := q.text("description")
	if q.odd != nil && description == "" {
		return q.lacks("description", "must be a text")
	}
	q.alert.Details = cut(description, maxDetails)
	return q.amend("Description: " + first(description, "none"))
}

func (q *opsgenieWrite) setPriority() *opsgenieRefusal {
	word := q.text("priority")
	if word == "" {
		return q.lacks("priority", "must be one of P1, P2, P3, P4, P5")
	}
	rate(&q.alert, word)
	return q.amend("Priority " + q.alert.Word)
}

func (q *opsgenieWrite) addTags() *opsgenieRefusal {
	tags := opsgenieTexts(q.fields["tags"])
	return q.amendLabels("tags", "Tags added: "+strings.Join(tags, ", "), opsgenieTagLabels(tags))
}

func (q *opsgenieWrite) removeTags() *opsgenieRefusal {
	tags := opsgenieTexts(q.said("tags"))
	return q.amendLabels("tags", "Tags taken away: "+strings.Join(tags, ", "), opsgenieTagLabels(tags).emptied())
}

func (q *opsgenieWrite) addDetails() *opsgenieRefusal {
	l := opsgenieLabels{}
	custom, _ := opsgenieDetails(q.fields["details"])
	l.all(custom)
	return q.amendLabels("details", "Details added: "+strings.ReplaceAll(describe(l, ": ", maxListed), "\n", ", "), l)
}

func (q *opsgenieWrite) removeDetails() *opsgenieRefusal {
	l := opsgenieLabels{}
	for _, name := range opsgenieTexts(q.query.Get("keys")) {
		l.put(name, name)
	}
	return q.amendLabels("keys", "Details taken away: "+strings.Join(slices.Sorted(maps.Keys(l)), ", "), l.emptied())
}

func (q *opsgenieWrite) amendLabels(field, what string, l opsgenieLabels) *opsgenieRefusal {
	if len(l) == 0 {
		return q.lacks(field, "must not be empty")
	}
	q.alert.Labels = l
	return q.amend(what)
}

// lacks refuses a request that says nothing of what it is for, or cannot be read as far as that.
func (q *opsgenieWrite) lacks(field, what string) *opsgenieRefusal {
	refused := opsgenieField(field, what)
	if q.odd != nil {
		refused.status, refused.message = http.StatusBadRequest, q.odd.note()+" The field "+field+" "+what+"."
	}
	return refused
}

// create makes an alert of whatever there is.
func (q *opsgenieWrite) create() *opsgenieRefusal {
	if q.fields == nil {
		a := oddAlert(sourceOpsgenie, q.from, q.body, q.odd, "Opsgenie's API was sent an alert Rouse could not read",
			"Look in the sender for what is wrong.")
		a.Once = q.alert.Once
		q.alert = a
		return nil
	}
	a := &q.alert
	q.custom, q.left = opsgenieDetails(q.fields["details"])
	a.Action = engine.Trigger
	a.Responders = q.responders()
	a.Labels = q.labels()
	a.Links = q.links()
	a.Summary = q.summary()
	a.Details = q.details()
	word := q.text("priority")
	if word == "" && q.odd == nil {
		word = opsgenieDefaultPriority
	}
	rate(a, word)
	a.DedupKey = q.alias()
	return nil
}

// alias is the alias, else one that is made up: as of Opsgenie, the next alert without one is another trouble.
// One that was cut off would join what it has nothing to do with.
func (q *opsgenieWrite) alias() string {
	alias := opsgenieAlias(q.text("alias"))
	switch {
	case q.odd != nil && (alias == "" || strings.HasSuffix(alias, "…")):
		return bodyKey(sourceOpsgenie, q.from, q.body) // it may come again
	case alias == "":
		return q.id
	}
	return dedupKey(alias)
}

func (q *opsgenieWrite) summary() string {
	if message := oneLine(q.text("message")); message != "" {
		return message
	}
	for line := range strings.Lines(q.text("description")) {
		if line = oneLine(line); line != "" {
			return line
		}
	}
	if from := q.text("entity", "source", "alias"); from != "" {
		return oneLine("Alert without message from " + from)
	}
	return "Alert without message"
}

// details is for people: all that was said.
func (q *opsgenieWrite) details() string {
	kept := q.beside()
	if message := q.text("message"); oneLine(message) != message {
		kept = append([]string{message}, kept...)
	}
	if q.left > 0 {
		kept = append(kept, fmt.Sprintf("… and %d more details", q.left))
	}
	if note := q.odd.note(); note != "" {
		kept = append(kept, note)
	}
	return detailsOf(joinBlocks(q.text("description"), describe(q.custom, ": ", maxLabels)), kept)
}

// beside is a line for each of the fields that an alert of Rouse has no place for, or that rules alone look at.
func (q *opsgenieWrite) beside() (lines []string) {
	line := func(name, text string) {
		if text != "" {
			lines = append(lines, name+": "+cut(oneLine(text), maxSummary))
		}
	}
	whom := func(all []engine.Responder) string {
		var names []string
		for _, r := range all {
			names = append(names, strings.TrimSpace(r.Kind+" "+r.Name))
		}
		return strings.Join(names, ", ")
	}
	line("Entity", q.text("entity"))
	line("Source", q.text("source"))
	line("User", q.text("user"))
	line("Note", q.text("note"))
	line("Tags", strings.Join(opsgenieTexts(q.fields["tags"]), ", "))
	line("Actions", strings.Join(opsgenieTexts(q.fields["actions"]), ", "))
	line("Responders", whom(q.responders()))
	line("Visible to", whom(opsgenieResponders(q.fields["visibleto"], "")))
	return lines
}

// links are the addresses among the details, and what the alert comes from if it is one.
func (q *opsgenieWrite) links() (l links) {
	for _, name := range slices.Sorted(maps.Keys(q.custom)) {
		l.add(q.custom[name], name)
	}
	l.add(q.text("source"), "Source")
	return l
}

// labels are the fields and the tags first, as there may be any number of details.
func (q *opsgenieWrite) labels() opsgenieLabels {
	l := opsgenieLabels{}
	for name, field := range map[string]string{opsgenieEntity: "entity", opsgenieSource: "source", opsgenieUser: "user"} {
		l.put(name, q.text(field))
	}
	tags := opsgenieTexts(q.fields["tags"])
	for _, tag := range tags {
		l.put(opsgenieTag+tag, opsgenieTagged)
	}
	l.all(q.custom)
	for _, tag := range tags {
		l.tag(tag)
	}
	return l
}

// responders are all that a request names, in the fields of this API and of its forerunners.
func (q *opsgenieWrite) responders() (all []engine.Responder) {
	for _, f := range []struct{ field, kind string }{{"responders", ""}, {"responder", ""}, {"teams", "team"}, {"team", "team"}, {"recipients", ""}} {
		all = append(all, opsgenieResponders(q.fields[f.field], f.kind)...)
	}
	return all[:min(len(all), maxOpsgenieResponders)]
}

// opsgenieResponders reads one responder or a list: objects, or names alone. kind is what those are that do not
// say. More than maxOpsgenieResponders are not looked at.
func opsgenieResponders(v any, kind string) (all []engine.Responder) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, element := range list[:min(len(list), maxOpsgenieResponders)] {
		r := engine.Responder{Kind: kind}
		if object, ok := element.(map[string]any); ok {
			f := fieldsOf(object)
			if word := strings.ToLower(f.text("type")); slices.Contains([]string{"user", "team", "schedule", "escalation"}, word) {
				r.Kind = word
			}
			r.Name = f.text("username", "name", "id")
		} else {
			r.Name = textOf(element)
		}
		if r.Name = cut(oneLine(r.Name), maxOpsgenieName); r.Name != "" {
			all = append(all, r)
		}
	}
	return all
}

// opsgenieLabels gathers labels, at most maxLabels; of one name the first that is not empty.
type opsgenieLabels map[string]string

func (l opsgenieLabels) put(name, value string) {
	if _, there := l[name]; !there && name != "" && value != "" && len(l) < maxLabels {
		l[name] = value
	}
}

func (l opsgenieLabels) all(m map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		l.put(name, m[name])
	}
}

// tag puts what a tag says, if it is a name and a value.
func (l opsgenieLabels) tag(tag string) {
	if name, value, ok := splitOpsgenieTag(tag); ok {
		l.put(name, value)
	}
}

// opsgenieTagLabels are the labels that tags make.
func opsgenieTagLabels(tags []string) opsgenieLabels {
	l := opsgenieLabels{}
	for _, tag := range tags {
		l.put(opsgenieTag+tag, opsgenieTagged)
		l.tag(tag)
	}
	return l
}

// emptied are the same labels, taken away.
func (l opsgenieLabels) emptied() opsgenieLabels {
	for name := range l {
		l[name] = ""
	}
	return l
}

var opsgenieTagName = regexp.MustCompile(`^[A-Za-z0-9_./-]{1,100}$`)

// splitOpsgenieTag splits "env:prod" and "env=prod".
func splitOpsgenieTag(tag string) (name, value string, ok bool) {
	i := strings.IndexAny(tag, ":=")
	if i < 0 {
		return "", "", false
	}
	name, value = strings.TrimSpace(tag[:i]), strings.TrimSpace(tag[i+1:])
	return name, value, opsgenieTagName.MatchString(name) && value != "" && !strings.HasPrefix(value, "//")
}

// opsgenieTexts is a list of texts, or one text whose elements are parted by commas, without those that are
// blank. More than maxOpsgenieTags are not looked at.
func opsgenieTexts(v any) (texts []string) {
	list, ok := v.([]any)
	if !ok {
		for part := range strings.SplitSeq(textOf(v), ",") {
			if list = append(list, part); len(list) == maxOpsgenieTags {
				break
			}
		}
	}
	for _, element := range list[:min(len(list), maxOpsgenieTags)] {
		if text := oneLine(textOf(element)); text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

// opsgenieDetails are details as texts, the first maxLabels in the order of their names; left is how many more
// there are.
func opsgenieDetails(v any) (details map[string]string, left int) {
	object, ok := v.(map[string]any)
	if !ok || len(object) <= maxLabels {
		return stringsOf(v), 0
	}
	names := slices.AppendSeq(make([]string, 0, len(object)), maps.Keys(object))
	slices.Sort(names)
	first := make(map[string]any, maxLabels)
	for _, name := range names[:maxLabels] {
		first[name] = object[name]
	}
	return stringsOf(first), len(object) - maxLabels
}
