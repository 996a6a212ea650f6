package intake

import (
	"fmt"
	"slices"
	"strings"

	"rouse/engine"
)

// created is a new issue. One that is done already, as after an import, pages nobody.
func (i *jiraIssue) created() []engine.Alert {
	if i.done() {
		return []engine.Alert{i.noted(engine.Record, "The issue was created in a status in which it is over.")}
	}
	alerts := []engine.Alert{i.alert(engine.Trigger)}
	if i.fields["assignee"] != nil && (i.settings.ackCreated || i.takenByCreator()) {
		alerts = append(alerts, i.acknowledgedBy(i.fields["assignee"]))
	}
	return alerts
}

// takenByCreator tells whether whoever created the issue is who it is assigned to: a person, then, and not
// Jira by itself.
func (i *jiraIssue) takenByCreator() bool {
	account := func(v any) string {
		object, _ := v.(map[string]any)
		return fieldsOf(object).text("accountid", "key", "name")
	}
	creator := account(i.top["user"])
	return creator != "" && creator == account(i.fields["assignee"])
}

// state is an issue as it is, without word of what happened to it.
func (i *jiraIssue) state() []engine.Alert {
	if i.done() {
		name, _ := i.status()
		return []engine.Alert{i.noted(engine.Resolve, name)}
	}
	return i.created()
}

// acknowledgedBy is an acknowledgement by whoever the issue is assigned to. Whether Rouse knows them is the
// engine's question.
func (i *jiraIssue) acknowledgedBy(assignee any) engine.Alert {
	a := i.noted(engine.Acknowledge, oneLine("Assigned to "+first(jiraName(assignee), "somebody")))
	a.By = i.settings.person(assignee)
	return a
}

// updated is what was done to an issue, by the items of its changelog:
//
//	another key, another service   the incident of before is resolved, and a new one triggered: it concerns others
//	worse, or open again           a trigger, which joins the open incident or opens one
//	less severe, or other texts    the incident is amended
//	another status                 a note; from one that is over to one that is not see above, the reverse resolves
//	a comment                      a note
//	another assignee               an acknowledgement by them; none any more: it is taken back
//
// An issue that is done is never triggered: its severity is often put right afterwards. Everything else, such as
// its rank on a board, is kept and pages nobody.
func (i *jiraIssue) updated() (alerts []engine.Alert) {
	before, moved := i.moved()
	if moved {
		alerts = append(alerts, before)
	}
	done := i.done()
	status, statusChanged := i.change("status")
	reopened := statusChanged && !done && i.wasOver(status)
	raised, lowered := i.severityChange()
	if !done && (moved || reopened || raised) {
		alerts = append(alerts, i.alert(engine.Trigger))
	}
	if lowered || raised && done || i.reworded() {
		alerts = append(alerts, i.alert(engine.Amend))
	}
	if statusChanged && !done {
		alerts = append(alerts, i.statusNote(status))
	}
	if i.top["comment"] != nil {
		alerts = append(alerts, i.commented()...)
	}
	if assigned, ok := i.change("assignee"); ok {
		alerts = append(alerts, i.assigned(assigned))
	}
	if statusChanged && done {
		alerts = append(alerts, i.noted(engine.Resolve, status.to))
	}
	return alerts
}

// jiraItem is one item of a changelog.
type jiraItem struct {
	id, name string // of the field, folded; no id on Data Center
	custom   bool   // it is a custom field
	from, to string // for people
	toID     string
}

// jiraItems are the items of a changelog.
func jiraItems(changelog any) (items []jiraItem) {
	object, _ := changelog.(map[string]any)
	list, _ := fieldsOf(object)["items"].([]any)
	for _, element := range list {
		object, _ := element.(map[string]any)
		f := fieldsOf(object)
		items = append(items, jiraItem{
			id: foldName(f.text("fieldid")), name: foldName(f.text("field")), custom: foldName(f.text("fieldtype")) == "custom",
			from: f.text("fromstring"), to: f.text("tostring"), toID: f.text("to", "tmptoaccountid"),
		})
	}
	return items
}

// change is the last change to a field, by its id or, where that is not told, its name.
func (i *jiraIssue) change(field string) (last jiraItem, ok bool) {
	for _, item := range i.items {
		if i.isOf(item, field) {
			last, ok = item, true
		}
	}
	return last, ok
}

// isOf tells whether an item is of a field, whose id is folded. Data Center tells names of fields only: of a
// custom field what it became tells which one it is.
func (i *jiraIssue) isOf(item jiraItem, field string) bool {
	switch {
	case item.id != "" && item.id == field:
		return true
	case item.id == "" && item.custom:
		return strings.HasPrefix(field, "customfield") && slices.Contains(valuesOf(i.fields[field]), oneLine(item.to))
	}
	return !strings.HasPrefix(item.id, "customfield") && (item.name == field || item.name+"s" == field) // "Component" is of components
}

// moved tells whether the issue is another incident's since this event, and gives the end of the one of before.
func (i *jiraIssue) moved() (before engine.Alert, ok bool) {
	before = i.alert(engine.Resolve)
	before.Once = i.once("moved")
	if item, changed := i.change("key"); changed && item.from != "" && item.from != i.key {
		before.DedupKey, before.Key = dedupKey(item.from), keyOf(item.from)
		before.Note = oneLine("The issue is " + i.key + " now.")
		ok = true
	}
	if service := i.serviceBefore(); service != i.service {
		before.Service = service
		before.Note = oneLine("The issue concerns " + first(string(i.service), "no service that is named") + " now.")
		ok = true
	}
	return before, ok
}

// serviceBefore is whose trouble the issue was before this event.
func (i *jiraIssue) serviceBefore() engine.ServiceID {
	field := i.settings.serviceField
	now := valuesOf(i.fields[field])
	if _, changed := i.change(field); !changed || i.request.from.Service != "" {
		return i.service
	}
	var values []string
	for _, item := range i.items {
		if !i.isOf(item, field) {
			continue
		}
		switch field {
		case "components": // an item for each that came or went
			values = append(values, texts(item.from)...)
			now = slices.DeleteFunc(now, func(name string) bool { return name == oneLine(item.to) })
		case "labels": // all of them, parted by blanks
			values, now = strings.Fields(item.from), nil
		default:
			values, now = texts(item.from), nil
		}
	}
	return i.settings.serviceOf("", append(values, now...))
}

// severityChange tells whether the severity was changed by this event to a worse one, or to another.
func (i *jiraIssue) severityChange() (raised, lowered bool) {
	item, changed := i.change(i.settings.severityField)
	if !changed {
		return false, false
	}
	values := texts(item.from)
	if i.settings.severityField == "labels" {
		values = strings.Fields(item.from)
	}
	before, word, _ := i.settings.severityOf(values)
	return i.severity < before, i.severity > before || i.severity == before && i.word != word
}

// reworded tells whether what people read of the issue was changed.
func (i *jiraIssue) reworded() bool {
	return slices.ContainsFunc([]string{"summary", "description", "labels", "components", "priority", "issuetype"}, func(field string) bool {
		_, changed := i.change(field)
		return changed && (field == "labels" || field != i.settings.severityField)
	})
}

// wasOver tells whether the issue was over before its status changed. Jira does not say of what category that
// was; when it opens an issue again it mostly clears the resolution.
func (i *jiraIssue) wasOver(status jiraItem) bool {
	resolution, changed := i.change("resolution")
	cleared := changed && resolution.to == "" && resolution.from != "" && len(i.settings.done) == 0
	return cleared || i.settings.isDone(status.from, "")
}

func (i *jiraIssue) statusNote(status jiraItem) engine.Alert {
	return i.noted(engine.Comment, oneLine(fmt.Sprintf("Status: %s → %s", first(status.from, "none"), first(status.to, "none"))))
}

// assigned is an acknowledgement by whoever the issue was assigned to, or that it was taken from somebody.
func (i *jiraIssue) assigned(item jiraItem) engine.Alert {
	if item.to == "" && item.toID == "" {
		return i.noted(engine.Unacknowledge, oneLine("No longer assigned to "+first(item.from, "anybody")))
	}
	assignee, _ := i.fields["assignee"].(map[string]any)
	if f := fieldsOf(assignee); item.toID != "" && slices.Contains([]string{f.text("accountid"), f.text("key"), f.text("name")}, item.toID) {
		return i.acknowledgedBy(assignee) // it tells more of them
	}
	return i.acknowledgedBy(map[string]any{"accountId": item.toID, "displayName": item.to})
}

// commented is a comment, or the new text of one.
func (i *jiraIssue) commented() []engine.Alert {
	object, _ := i.top["comment"].(map[string]any)
	comment := fieldsOf(object)
	text := jiraText(comment["body"])
	if i.key == "" || text == "" {
		return nil
	}
	a := i.noted(engine.Comment, text)
	author := comment["author"]
	if i.edited() {
		author = comment["updateauthor"]
		a.Note = cut("Comment changed: "+text, maxNote)
	}
	if by := i.settings.person(author); by != "" {
		a.By = by
	}
	a.Once = i.once("said")
	if id := comment.text("id"); id != "" && !i.edited() { // Jira tells of it as an update and as a comment, if it is asked to
		a.Once = fmt.Sprintf("jira:%d:comment:%s", i.request.from.Key, dedupKey(id))
	}
	return []engine.Alert{a}
}

func (i *jiraIssue) edited() bool {
	return foldName(i.top.text("webhookevent")) == "commentupdated" || foldName(i.top.text("issueeventtypename")) == "issuecommentedited"
}
