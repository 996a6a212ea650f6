package intake

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
)

// Book is what senders may read: what became of their alerts, and the incidents of their service.
type Book interface {
	// TakenAlert finds an alert by its Once, or gives enginedb.ErrNotFound.
	TakenAlert(ctx context.Context, once string) (enginedb.TakenAlert, error)
	SenderIncidents(context.Context, enginedb.SenderFilter) ([]enginedb.SenderIncident, error)
	CountSenderIncidents(context.Context, enginedb.SenderFilter) (int, error)
	// SenderLines lists notes, or the timeline.
	SenderLines(context.Context, enginedb.SenderLines) ([]enginedb.SenderLine, error)
	// SenderPages lists who was paged about an incident, at most limit.
	SenderPages(ctx context.Context, incident int64, limit int) ([]enginedb.SenderPage, error)
}

// noBook is empty.
type noBook struct{}

func (noBook) TakenAlert(context.Context, string) (enginedb.TakenAlert, error) {
	return enginedb.TakenAlert{}, enginedb.ErrNotFound
}

func (noBook) SenderIncidents(context.Context, enginedb.SenderFilter) ([]enginedb.SenderIncident, error) {
	return nil, nil
}

func (noBook) CountSenderIncidents(context.Context, enginedb.SenderFilter) (int, error) {
	return 0, nil
}

func (noBook) SenderLines(context.Context, enginedb.SenderLines) ([]enginedb.SenderLine, error) {
	return nil, nil
}

func (noBook) SenderPages(context.Context, int64, int) ([]enginedb.SenderPage, error) {
	return nil, nil
}

// The limits of what is read at once. The first two are Opsgenie's.
const (
	maxOpsgenieList   = 100
	opsgenieListed    = 20     // where the request does not say
	maxOpsgenieOffset = 20_000 // what lies behind has to be asked for by a narrower query
	maxOpsgeniePages  = 500
)

// opsgenieRead answers a call that reads.
func (h *Handler) opsgenieRead(c *opsgenieCall, read func(context.Context) (map[string]any, *opsgenieRefusal, error)) {
	ctx, cancel := context.WithTimeout(c.r.Context(), h.patience)
	defer cancel()
	body, refused, err := read(ctx)
	switch {
	case err != nil:
		h.log.ErrorContext(ctx, "a sender could not read", "key", c.from.Prefix, "err", err)
		c.refuse(opsgenieLater("Rouse cannot tell this just now. Try again."))
	case refused != nil:
		c.refuse(refused)
	default:
		c.answer(http.StatusOK, body)
	}
}

// opsgenieStatus tells what became of a request. It is there as soon as the request was answered; clients poll
// for it without a pause.
func (h *Handler) opsgenieStatus(c *opsgenieCall) {
	h.opsgenieRead(c, func(ctx context.Context) (map[string]any, *opsgenieRefusal, error) {
		id := strings.ToLower(c.about.name)
		if len(id) != len("00000000-0000-0000-0000-000000000000") { // what X-Request-Id said
			id = opsgenieID(c.about.name)
		}
		a, err := h.book.TakenAlert(ctx, opsgenieOnce(id))
		if errors.Is(err, enginedb.ErrNotFound) {
			return nil, &opsgenieRefusal{status: http.StatusNotFound, kind: "RequestNotProcessed",
				message: "Request not found. It is not known, or not processed yet."}, nil
		}
		if err != nil {
			return nil, nil, err
		}
		success, status := opsgenieOutcome(a)
		return map[string]any{"data": map[string]any{
			"success": success, "isSuccess": success, "action": opsgenieActions[a.Action], "processedAt": opsgenieStamp(a.At),
			"integrationId": strconv.FormatInt(c.from.Key, 10), "status": status, "alertId": string(a.Incident), "alias": a.DedupKey,
		}}, nil, nil
	})
}

// opsgenieActions are what Opsgenie calls the actions.
var opsgenieActions = map[engine.Action]string{
	engine.Trigger: "Create", engine.Resolve: "Close", engine.Acknowledge: "Acknowledge", engine.Unacknowledge: "UnAcknowledge",
	engine.Snooze: "Snooze", engine.Escalate: "EscalateToNext", engine.PageMore: "AddResponder", engine.Comment: "AddNote", engine.Amend: "Update",
}

// opsgenieOutcome tells in a sentence what became of a request. Zabbix' script polls on, unless what failed
// begins with "There is no open alert".
func opsgenieOutcome(a enginedb.TakenAlert) (success bool, status string) {
	switch {
	case a.Action == engine.Trigger && a.Incident == "":
		return true, "Kept on record: no incident was opened for it, and nobody paged."
	case a.Incident == "":
		return false, "There is no open alert with this id or alias. Nothing was done."
	case a.Action == engine.Trigger:
		return true, "Created alert " + string(a.Incident)
	case a.Action == engine.Acknowledge || a.Action == engine.Snooze:
		return true, "Told " + string(a.Incident) + ". It is acknowledged only if the user is a person who is known to Rouse."
	}
	return true, "Told " + string(a.Incident)
}

// opsgenieStamp writes a time as Opsgenie does, to the millisecond.
func opsgenieStamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

func (h *Handler) opsgenieGet(c *opsgenieCall) {
	h.opsgenieRead(c, func(ctx context.Context) (map[string]any, *opsgenieRefusal, error) {
		m, refused, err := h.opsgenieNamed(ctx, c, true)
		if m == nil {
			return nil, refused, err
		}
		alert := opsgenieAlert(*m)
		opsgenieWhole(alert, *m)
		return map[string]any{"data": alert}, nil, nil
	})
}

// opsgenieNamed finds the incident that a call names: of those with an alias the one that is open, else the
// newest. It is nil if there is none.
func (h *Handler) opsgenieNamed(ctx context.Context, c *opsgenieCall, whole bool) (*enginedb.SenderIncident, *opsgenieRefusal, error) {
	by := enginedb.SenderFilter{Service: c.from.Service, Limit: 1, Details: whole}
	if !whole {
		by.Labels = []string{opsgenieTag} // few of them, as they are not looked at
	}
	var filters []enginedb.SenderFilter
	if by.Key = c.about.key(); by.Key != "" {
		filters = append(filters, by)
	}
	if by.Key, by.DedupKey = "", dedupKey(c.about.name); by.DedupKey != "" {
		filters = append(filters, by)
	}
	for _, f := range filters {
		found, err := h.book.SenderIncidents(ctx, f)
		if err != nil {
			return nil, nil, err
		}
		if len(found) > 0 {
			return &found[0], nil, nil
		}
	}
	return nil, &opsgenieRefusal{status: http.StatusNotFound, message: "Alert not found. This key sees the alerts of its own service."}, nil
}

func (h *Handler) opsgenieCount(c *opsgenieCall) {
	h.opsgenieRead(c, func(ctx context.Context) (map[string]any, *opsgenieRefusal, error) {
		f, refused := c.filter()
		if refused != nil {
			return nil, refused, nil
		}
		n, err := h.book.CountSenderIncidents(ctx, f)
		return map[string]any{"data": map[string]any{"count": n}}, nil, err
	})
}

func (h *Handler) opsgenieList(c *opsgenieCall) {
	h.opsgenieRead(c, func(ctx context.Context) (map[string]any, *opsgenieRefusal, error) {
		f, refused := c.filter()
		if refused != nil {
			return nil, refused, nil
		}
		limit := f.Limit
		f.Limit++ // to see whether there are more
		f.Labels = []string{opsgenieTag, opsgenieEntity, opsgenieSource}
		found, err := h.book.SenderIncidents(ctx, f)
		if err != nil {
			return nil, nil, err
		}
		paging := map[string]string{"first": c.link("offset", "0")}
		if f.Offset > 0 {
			paging["prev"] = c.link("offset", strconv.Itoa(max(0, f.Offset-limit)))
		}
		if len(found) > limit {
			found = found[:limit]
			paging["next"] = c.link("offset", strconv.Itoa(f.Offset+limit))
		}
		alerts := make([]map[string]any, 0, len(found))
		for _, m := range found {
			alerts = append(alerts, opsgenieAlert(m))
		}
		return map[string]any{"data": alerts, "paging": paging}, nil, nil
	})
}

// filter is what a list or a count asks for.
func (c *opsgenieCall) filter() (enginedb.SenderFilter, *opsgenieRefusal) {
	query := c.r.URL.Query()
	f := enginedb.SenderFilter{Service: c.from.Service, Limit: c.limit(), Ascending: strings.EqualFold(query.Get("order"), "asc")}
	var known bool
	if f.Sort, known = opsgenieSorts[strings.ToLower(query.Get("sort"))]; !known {
		return f, opsgenieField("sort", "must be one of "+strings.Join(slices.Sorted(maps.Keys(opsgenieSorts))[1:], ", "))
	}
	f.Offset, _ = strconv.Atoi(query.Get("offset"))
	if f.Offset = max(f.Offset, 0); f.Offset > maxOpsgenieOffset {
		return f, opsgenieField("offset", "must be at most "+strconv.Itoa(maxOpsgenieOffset)+"; narrow the query")
	}
	if err := parseOpsgenieQuery(query.Get("query"), &f); err != nil {
		return f, opsgenieField("query", err.Error())
	}
	return f, nil
}

func (c *opsgenieCall) limit() int {
	n, err := strconv.Atoi(c.r.URL.Query().Get("limit"))
	if err != nil || n <= 0 {
		return opsgenieListed
	}
	return min(n, maxOpsgenieList)
}

// opsgenieSorts are the fields that a list can be sorted by, in lower case; the misspelling is Opsgenie's.
var opsgenieSorts = map[string]enginedb.SenderSort{
	"": enginedb.ByOpening, "createdat": enginedb.ByOpening, "updatedat": enginedb.ByChange, "lastoccurredat": enginedb.ByAlert,
	"lastoccuredat": enginedb.ByAlert, "tinyid": enginedb.ByKey, "alias": enginedb.ByDedupKey, "message": enginedb.BySummary,
	"status": enginedb.ByStatus, "priority": enginedb.BySeverity, "count": enginedb.ByAlertN,
}

// link is the address of the call with one parameter changed. The key is left out, wherever it stood.
func (c *opsgenieCall) link(name, value string) string {
	query := url.Values{}
	for _, kept := range []string{"limit", "sort", "order", "query", "searchIdentifier", "searchIdentifierType", "identifierType", "offset", "direction"} {
		if v := c.r.URL.Query().Get(kept); v != "" {
			query.Set(kept, v)
		}
	}
	query.Set(name, value)
	u := url.URL{Scheme: "http", Host: c.r.Host, Path: c.r.URL.Path, RawPath: c.r.URL.RawPath, RawQuery: query.Encode()}
	if c.r.TLS != nil || strings.EqualFold(c.r.Header.Get("X-Forwarded-Proto"), "https") {
		u.Scheme = "https"
	}
	return u.String()
}

// opsgenieAlert is an incident as Opsgenie's lists show it; Rouse leaves out what it has nothing like.
func opsgenieAlert(m enginedb.SenderIncident) map[string]any {
	status := "open"
	if m.Status == engine.Resolved {
		status = "closed"
	}
	alert := map[string]any{
		"id": m.Key, "tinyId": m.Key, "alias": m.DedupKey, "message": m.Summary, "status": status,
		"acknowledged": m.Acknowledged, "isSeen": !m.AckedAt.IsZero(), "seen": !m.AckedAt.IsZero(), "snoozed": m.Snoozed,
		"tags": opsgenieTags(m.Labels), "count": m.AlertN, "lastOccurredAt": opsgenieStamp(m.AlertedAt), "createdAt": opsgenieStamp(m.OpenedAt),
		"updatedAt": opsgenieStamp(m.ChangedAt), "source": first(m.Labels[opsgenieSource], m.Source), "owner": first(string(m.Holder), string(m.Manager)),
		"priority": opsgeniePriority(m), "responders": opsgenieTargets(m.Targets), "ownerTeamId": "",
		"integration": map[string]string{"id": "", "name": m.Source, "type": "API"}, "report": opsgenieReport(m),
	}
	if m.Snoozed && !m.Until.IsZero() {
		alert["snoozedUntil"] = opsgenieStamp(m.Until)
	}
	return alert
}

// opsgenieWhole adds what Opsgenie shows of one alert only.
func opsgenieWhole(alert map[string]any, m enginedb.SenderIncident) {
	alert["actions"] = []string{} // Rouse has none
	alert["entity"] = m.Labels[opsgenieEntity]
	alert["description"] = m.Details
	details := map[string]string{}
	for name, value := range m.Labels {
		if value != "" && !strings.HasPrefix(name, opsgenieTag) && name != opsgenieEntity && name != opsgenieSource && name != opsgenieUser {
			details[name] = value
		}
	}
	for _, tag := range opsgenieTags(m.Labels) {
		if name, value, ok := splitOpsgenieTag(tag); ok && details[name] == value {
			delete(details, name) // it is the tag's
		}
	}
	alert["details"] = details
}

func opsgenieTags(labels map[string]string) []string {
	tags := []string{}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if tag, ok := strings.CutPrefix(name, opsgenieTag); ok && labels[name] != "" {
			tags = append(tags, tag)
		}
	}
	return tags
}

// opsgeniePriority is the sender's own word as long as that is what the severity says, of P3 to P5 above all.
func opsgeniePriority(m enginedb.SenderIncident) string {
	word := strings.ToUpper(m.Word)
	if s, _ := severityOf(word); s == m.Severity && slices.Contains([]string{"P1", "P2", "P3", "P4", "P5"}, word) {
		return word
	}
	return "P" + strconv.Itoa(int(m.Severity))
}

func opsgenieTargets(targets []engine.Target) []map[string]string {
	list := []map[string]string{}
	for _, t := range targets {
		if t.Roster != "" {
			list = append(list, map[string]string{"type": "schedule", "id": string(t.Roster), "name": string(t.Roster)})
		} else {
			list = append(list, map[string]string{"type": "user", "id": string(t.Person), "username": string(t.Person)})
		}
	}
	return list
}

// opsgenieReport is how long it took, in milliseconds.
func opsgenieReport(m enginedb.SenderIncident) map[string]any {
	report := map[string]any{}
	if !m.AckedAt.IsZero() {
		report["ackTime"], report["acknowledgedBy"] = m.AckedAt.Sub(m.OpenedAt).Milliseconds(), m.Manager
	}
	if !m.EndedAt.IsZero() {
		report["closeTime"], report["closedBy"] = m.EndedAt.Sub(m.OpenedAt).Milliseconds(), m.ResolvedBy
	}
	return report
}

// opsgenieLines makes the handler of an alert's notes, or of its log.
func opsgenieLines(notes bool) opsgenieServe {
	return func(h *Handler, c *opsgenieCall) {
		h.opsgenieRead(c, func(ctx context.Context) (map[string]any, *opsgenieRefusal, error) {
			m, refused, err := h.opsgenieNamed(ctx, c, false)
			if m == nil {
				return nil, refused, err
			}
			query := c.r.URL.Query()
			ascend, back := strings.EqualFold(query.Get("order"), "asc"), strings.EqualFold(query.Get("direction"), "prev")
			f := enginedb.SenderLines{Incident: m.ID, Notes: notes, Ascend: ascend != back, Limit: c.limit()}
			if behind, err := strconv.ParseInt(query.Get("offset"), 10, 64); err == nil {
				f.Behind = max(behind, 0)
			}
			lines, err := h.book.SenderLines(ctx, f)
			if err != nil {
				return nil, nil, err
			}
			if back {
				slices.Reverse(lines)
			}
			data := make([]map[string]any, 0, len(lines))
			for _, line := range lines {
				data = append(data, opsgenieLine(line, notes))
			}
			paging := map[string]string{"first": c.link("offset", "0")}
			if len(lines) == f.Limit {
				paging["next"] = c.link("offset", strconv.FormatInt(lines[len(lines)-1].ID, 10))
			}
			return map[string]any{"data": data, "paging": paging}, nil, nil
		})
	}
}

func opsgenieLine(line enginedb.SenderLine, note bool) map[string]any {
	data := map[string]any{"owner": line.By, "createdAt": opsgenieStamp(line.At), "offset": strconv.FormatInt(line.ID, 10)}
	if note {
		data["note"] = line.Text
	} else {
		data["log"], data["type"] = notifiers.MaskNumbers(line.Text), line.Kind
	}
	return data
}

// opsgenieRecipients tells who was paged, of each person what was last.
func (h *Handler) opsgenieRecipients(c *opsgenieCall) {
	h.opsgenieRead(c, func(ctx context.Context) (map[string]any, *opsgenieRefusal, error) {
		m, refused, err := h.opsgenieNamed(ctx, c, false)
		if m == nil {
			return nil, refused, err
		}
		pages, err := h.book.SenderPages(ctx, m.ID, maxOpsgeniePages)
		if err != nil {
			return nil, nil, err
		}
		data := []map[string]any{}
		place := map[rosters.PersonID]int{}
		for _, p := range pages {
			at, again := place[p.Person]
			if !again {
				at = len(data)
				place[p.Person] = at
				data = append(data, map[string]any{"user": map[string]string{"id": string(p.Person), "username": string(p.Person)}, "createdAt": opsgenieStamp(p.At)})
			}
			data[at]["updatedAt"] = opsgenieStamp(p.LastAt)
			data[at]["state"], data[at]["method"] = opsgenieState(p.State)
		}
		return map[string]any{"data": data}, nil, nil
	})
}

// opsgenieState is the state of a page in Opsgenie's words, and what the person did.
func opsgenieState(s engine.PageState) (state, method string) {
	switch s {
	case engine.PageOpen:
		return "active", ""
	case engine.PageAcknowledged:
		return "action", "Acknowledge"
	case engine.PageDeclined:
		return "action", "Decline"
	}
	return "notactive", ""
}
