package intake

import (
	"bytes"
	"context"
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
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/rosters"
)

// Heartbeats is what Opsgenie's dialect does to heartbeats beside pinging them; enginedb.Store does it. Its
// errors are enginedb's.
type Heartbeats interface {
	Heartbeats(ctx context.Context, service engine.ServiceID, after int64, limit int) ([]enginedb.Heartbeat, error)
	HeartbeatNamed(ctx context.Context, service engine.ServiceID, name string) (enginedb.Heartbeat, error)
	CreateHeartbeat(ctx context.Context, h engine.Heartbeat) (secret string, id int64, err error)
	UpdateHeartbeat(ctx context.Context, h engine.Heartbeat, version int) error
	DeleteHeartbeat(ctx context.Context, service engine.ServiceID, id int64, version int) error
}

// OpsgenieHeartbeats takes Opsgenie's Heartbeat API v2 at /v2/heartbeats and below, and at the same paths below
// /jsm/ops/integration. A heartbeat belongs to the service of the key; a key that is bound to none can but ping,
// and says whose heartbeat with ?service=….
//
// A ping of a heartbeat that is not there is answered as any other, as Opsgenie does: the log tells of it.
// What Opsgenie does not know (grace, the time of a run, a label to tell sources apart) stays as it was made.
func (h *Handler) OpsgenieHeartbeats(w http.ResponseWriter, r *http.Request) {
	c := &opsgenieCall{w: w, r: r, began: time.Now(), id: opsgenieID(w.Header().Get("X-Request-Id"))}
	var err error
	if c.from, err = h.sender(w, r, sourceOpsgenie, shown(r)...); err != nil {
		c.refuse(opsgenieStranger(err))
		return
	}
	what, name := opsgenieHeartbeatPath(r.URL.EscapedPath())
	calls := opsgenieHeartbeatCalls[what]
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	serve, ok := calls[method]
	switch {
	case !ok:
		allow := strings.Join(slices.Sorted(maps.Keys(calls)), ", ")
		w.Header().Set("Allow", allow)
		c.refuse(&opsgenieRefusal{status: http.StatusMethodNotAllowed, message: "This path takes " + allow + "."})
	case c.from.Service == "" && what != opsgeniePing:
		c.refuse(&opsgenieRefusal{status: http.StatusUnprocessableEntity,
			message: "The key belongs to no service, and heartbeats belong to one. Use an integration key of the service."})
	case h.heartbeats == nil && what != opsgeniePing:
		c.refuse(opsgenieLater("Rouse cannot do this just now. Try again."))
	default:
		ctx, cancel := h.within(r)
		defer cancel()
		serve(h, c, ctx, name)
	}
}

// What a path is about.
const (
	opsgenieHeartbeats = "/"
	opsgenieHeartbeat  = "/{name}"
	opsgeniePing       = "ping"
)

type opsgenieHeartbeatServe func(h *Handler, c *opsgenieCall, ctx context.Context, name string)

// opsgenieHeartbeatCalls are the calls by what the path is about, and by method.
var opsgenieHeartbeatCalls = func() map[string]map[string]opsgenieHeartbeatServe {
	change := map[string]opsgenieHeartbeatServe{http.MethodPatch: (*Handler).updateHeartbeat, http.MethodPut: (*Handler).updateHeartbeat}
	set := func(enabled bool) map[string]opsgenieHeartbeatServe {
		serve := func(h *Handler, c *opsgenieCall, ctx context.Context, name string) {
			h.changeHeartbeat(c, ctx, name, func(hb *engine.Heartbeat) *opsgenieRefusal { hb.Disabled = !enabled; return nil })
		}
		return map[string]opsgenieHeartbeatServe{http.MethodPost: serve, http.MethodPut: serve, http.MethodPatch: serve}
	}
	ping := map[string]opsgenieHeartbeatServe{}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch} {
		ping[method] = (*Handler).pingHeartbeat
	}
	return map[string]map[string]opsgenieHeartbeatServe{
		opsgenieHeartbeats: {http.MethodGet: (*Handler).listHeartbeats, http.MethodPost: (*Handler).createHeartbeat},
		opsgenieHeartbeat: {http.MethodGet: (*Handler).getHeartbeat, http.MethodDelete: (*Handler).deleteHeartbeat,
			http.MethodPatch: change[http.MethodPatch], http.MethodPut: change[http.MethodPut]},
		opsgeniePing: ping,
		"enable":     set(true),
		"disable":    set(false),
	}
}()

// opsgenieHeartbeatPath reads a path as it was sent: what it is about, and the name of the heartbeat in it.
func opsgenieHeartbeatPath(escaped string) (what, name string) {
	_, rest, _ := strings.Cut(escaped, "/v2/heartbeats")
	parts := strings.Split(strings.Trim(rest, "/"), "/")
	what, last := opsgenieHeartbeat, len(parts)-1
	switch word := parts[last]; {
	case last == 0 && word == "":
		return opsgenieHeartbeats, ""
	case last > 0 && opsgenieHeartbeatCalls[word] != nil:
		what, parts = word, parts[:last]
	}
	name, err := url.PathUnescape(strings.Join(parts, "/"))
	if err != nil { // it was unescaped once already, when the request was read
		name = strings.Join(parts, "/")
	}
	return what, strings.TrimSpace(storable(name))
}

func (h *Handler) pingHeartbeat(c *opsgenieCall, _ context.Context, name string) {
	ref := enginedb.HeartbeatRef{Service: signService(c.from, c.r), Name: name}
	_, err := h.takeSign(c.r, "", ref)
	switch {
	case errors.Is(err, pager.ErrNotFound):
		h.log.WarnContext(c.r.Context(), "a sign of life of a heartbeat that is not there", "service", ref.Service, "heartbeat", cut(oneLine(name), maxOpsgenieName), "key", c.from.Prefix)
	case err != nil:
		c.refuse(opsgenieLater("Rouse could not store this. Send it again."))
		return
	}
	c.answer(http.StatusAccepted, map[string]any{"result": "PONG - Heartbeat received"})
}

func (h *Handler) listHeartbeats(c *opsgenieCall, ctx context.Context, _ string) {
	found, err := h.heartbeats.Heartbeats(ctx, c.from.Service, 0, enginedb.MaxHeartbeats)
	if err != nil {
		h.heartbeatRefused(c, "", err)
		return
	}
	list := make([]map[string]any, 0, len(found))
	for _, hb := range found {
		list = append(list, opsgenieHeartbeatOut(hb))
	}
	c.answer(http.StatusOK, map[string]any{"data": map[string]any{"heartbeats": list}})
}

func (h *Handler) getHeartbeat(c *opsgenieCall, ctx context.Context, name string) {
	h.answerHeartbeat(c, ctx, name, http.StatusOK)
}

// answerHeartbeat answers with the heartbeat as it is.
func (h *Handler) answerHeartbeat(c *opsgenieCall, ctx context.Context, name string, status int) {
	hb, err := h.heartbeats.HeartbeatNamed(ctx, c.from.Service, name)
	if err != nil {
		h.heartbeatRefused(c, name, err)
		return
	}
	c.answer(status, map[string]any{"data": opsgenieHeartbeatOut(hb)})
}

func (h *Handler) createHeartbeat(c *opsgenieCall, ctx context.Context, _ string) {
	body, _, _ := readBody(c.r) // what is cut off or broken off is no JSON
	hb, refused := readOpsgenieHeartbeat(engine.Heartbeat{Service: c.from.Service}, body)
	if refused != nil {
		c.refuse(refused)
		return
	}
	if _, _, err := h.heartbeats.CreateHeartbeat(ctx, hb); err != nil {
		h.heartbeatRefused(c, hb.Name, err)
		return
	}
	h.answerHeartbeat(c, ctx, hb.Name, http.StatusCreated)
}

func (h *Handler) updateHeartbeat(c *opsgenieCall, ctx context.Context, name string) {
	body, _, _ := readBody(c.r)
	h.changeHeartbeat(c, ctx, name, func(hb *engine.Heartbeat) (refused *opsgenieRefusal) {
		*hb, refused = readOpsgenieHeartbeat(*hb, body)
		return refused
	})
}

// changeHeartbeat changes a heartbeat, again if somebody else did so at the same time.
func (h *Handler) changeHeartbeat(c *opsgenieCall, ctx context.Context, name string, change func(*engine.Heartbeat) *opsgenieRefusal) {
	for range 3 {
		hb, err := h.heartbeats.HeartbeatNamed(ctx, c.from.Service, name)
		if err == nil {
			if refused := change(&hb.Heartbeat); refused != nil {
				c.refuse(refused)
				return
			}
			err = h.heartbeats.UpdateHeartbeat(ctx, hb.Heartbeat, hb.Version)
		}
		switch {
		case err == nil:
			h.answerHeartbeat(c, ctx, hb.Name, http.StatusOK)
			return
		case !errors.Is(err, enginedb.ErrVersion):
			h.heartbeatRefused(c, hb.Name, err)
			return
		}
	}
	c.refuse(opsgenieLater("Others change this heartbeat at the same time. Try again."))
}

func (h *Handler) deleteHeartbeat(c *opsgenieCall, ctx context.Context, name string) {
	hb, err := h.heartbeats.HeartbeatNamed(ctx, c.from.Service, name)
	if err == nil {
		err = h.heartbeats.DeleteHeartbeat(ctx, c.from.Service, hb.ID, enginedb.AnyVersion)
	}
	if err != nil {
		h.heartbeatRefused(c, name, err)
		return
	}
	c.answer(http.StatusOK, map[string]any{"result": "Deleted"})
}

// heartbeatRefused answers that something could not be done to a heartbeat.
func (h *Handler) heartbeatRefused(c *opsgenieCall, name string, err error) {
	switch {
	case errors.Is(err, enginedb.ErrNotFound):
		c.refuse(&opsgenieRefusal{status: http.StatusNotFound, message: fmt.Sprintf("There is no heartbeat %q of service %s.", cut(name, maxOpsgenieName), c.from.Service)})
	case errors.Is(err, enginedb.ErrExists):
		c.refuse(&opsgenieRefusal{status: http.StatusConflict, message: fmt.Sprintf("There is a heartbeat %q of service %s already.", name, c.from.Service)})
	case errors.Is(err, enginedb.ErrFull):
		c.refuse(&opsgenieRefusal{status: http.StatusUnprocessableEntity, message: fmt.Sprintf("Service %s has %d heartbeats already: delete some.", c.from.Service, enginedb.MaxHeartbeats)})
	default:
		h.log.ErrorContext(c.r.Context(), "a request about heartbeats failed", "err", notifiers.MaskNumbers(err.Error()))
		c.refuse(opsgenieLater("Rouse cannot do this just now. Try again."))
	}
}

// opsgenieUnits are the units of an interval.
var opsgenieUnits = map[string]time.Duration{"minutes": time.Minute, "hours": time.Hour, "days": 24 * time.Hour}

// opsgenieInterval is a time in the largest unit that it is a whole number of; what is less than a minute is one.
func opsgenieInterval(d time.Duration) (n int, unit string) {
	for _, unit := range []string{"days", "hours"} {
		if of := opsgenieUnits[unit]; d%of == 0 {
			return int(d / of), unit
		}
	}
	return int((d + time.Minute - 1) / time.Minute), "minutes"
}

// opsgenieDefaultPriority is what Opsgenie gives a heartbeat that has no priority of its own.
const opsgenieDefaultPriority = "P3"

// readOpsgenieHeartbeat reads what a request says of a heartbeat into one that is there, or with the ID 0 into a
// new one. What is longer than Rouse keeps is cut.
func readOpsgenieHeartbeat(hb engine.Heartbeat, body []byte) (engine.Heartbeat, *opsgenieRefusal) {
	v, _, err := decode(body)
	if len(bytes.TrimSpace(body)) == 0 {
		v, err = map[string]any{}, nil
	}
	object, ok := v.(map[string]any)
	if err != nil || !ok {
		return hb, &opsgenieRefusal{status: http.StatusBadRequest, message: `The request body is no JSON object. Send {"name": "backup", "interval": 10, "intervalUnit": "minutes"}.`}
	}
	f := fieldsOf(object)
	if hb.ID == 0 {
		hb.Severity, _ = severityOf(opsgenieDefaultPriority)
		hb.Word = opsgenieDefaultPriority
	}
	set := func(field string, to *string, most int) {
		if _, given := f[field]; given {
			*to = strings.TrimSpace(cutRunes(f.text(field), most))
		}
	}
	set("name", &hb.Name, maxOpsgenieName+1) // what is longer is refused, and not another name
	set("description", &hb.About, 2000)
	set("alertmessage", &hb.Message, 300)
	hb.Message = oneLine(hb.Message)
	if refused := readOpsgenieInterval(&hb, f); refused != nil {
		return hb, refused
	}
	if word := f.text("alertpriority"); word != "" {
		severity, known := severityOf(word)
		if !known {
			return hb, opsgenieField("alertPriority", "must be P1, P2, P3, P4 or P5")
		}
		hb.Severity, hb.Word = severity, cut(word, maxOpsgenieName)
	}
	if enabled, ok := f["enabled"].(bool); ok {
		hb.Disabled = !enabled
	}
	if tags, ok := f["alerttags"].([]any); ok {
		hb.Tags = []string{}
		for _, tag := range tags {
			if text := cutRunes(oneLine(textOf(tag)), 50); text != "" && len(hb.Tags) < 20 && !slices.Contains(hb.Tags, text) {
				hb.Tags = append(hb.Tags, text)
			}
		}
	}
	return hb, opsgenieInvalid(hb.Validate())
}

// readOpsgenieInterval reads how often a sign is to come; each half of it may be missing if the heartbeat is there.
func readOpsgenieInterval(hb *engine.Heartbeat, f fields) *opsgenieRefusal {
	given, unit := f.text("interval"), strings.ToLower(f.text("intervalunit"))
	if given == "" && unit == "" && hb.ID != 0 {
		return nil
	}
	n, was := opsgenieInterval(hb.Every)
	if unit == "" && hb.ID != 0 {
		unit = was
	}
	of, known := opsgenieUnits[unit]
	if !known {
		return opsgenieField("intervalUnit", "must be minutes, hours or days")
	}
	if given != "" || hb.ID == 0 {
		var err error
		if n, err = strconv.Atoi(given); err != nil || n < 1 || n > int(engine.MaxEvery/of) {
			return opsgenieField("interval", fmt.Sprintf("must be 1 to %d %s", int(engine.MaxEvery/of), unit))
		}
	}
	if n > int(engine.MaxEvery/of) {
		return opsgenieField("intervalUnit", fmt.Sprintf("makes %d %s, the limit is %d", n, unit, int(engine.MaxEvery/of)))
	}
	hb.Every = time.Duration(n) * of
	return nil
}

// opsgenieInvalid says what is wrong with a heartbeat, by Opsgenie's names of the fields; nil if nothing is.
func opsgenieInvalid(err error) *opsgenieRefusal {
	es, _ := errors.AsType[rosters.FieldErrors](err)
	if len(es) == 0 {
		return nil
	}
	names := map[string]string{"every": "interval", "message": "alertMessage", "tags": "alertTags", "severity": "alertPriority"}
	wrong := map[string]string{}
	for _, e := range es {
		field, _, _ := strings.Cut(strings.TrimPrefix(e.Field, "/"), "/")
		wrong[first(names[field], field)] = e.Problem
	}
	one := slices.Sorted(maps.Keys(wrong))[0]
	refused := opsgenieField(one, wrong[one])
	refused.errors = wrong
	return refused
}

// cutRunes is the beginning of s, of at most so many runes.
func cutRunes(s string, limit int) string {
	runes := 0
	for i := range s {
		if runes == limit {
			return s[:i]
		}
		runes++
	}
	return s
}

// opsgenieOwnWord is one of Opsgenie's five priorities.
var opsgenieOwnWord = regexp.MustCompile(`^[Pp][1-5]$`)

func opsgenieHeartbeatOut(hb enginedb.Heartbeat) map[string]any {
	n, unit := opsgenieInterval(hb.Every)
	out := map[string]any{"name": hb.Name, "description": hb.About, "interval": n, "intervalUnit": unit, "enabled": !hb.Disabled,
		"expired": hb.Worst(hb.Sources) == engine.HeartbeatSilent, "alertMessage": first(hb.Message, hb.Name+" is expired"),
		"alertTags": append([]string{}, hb.Tags...), "alertPriority": "P" + strconv.Itoa(int(hb.Severity))}
	if opsgenieOwnWord.MatchString(hb.Word) {
		out["alertPriority"] = strings.ToUpper(hb.Word)
	}
	var last time.Time
	for _, src := range hb.Sources {
		if src.LastAt.After(last) {
			last = src.LastAt
		}
	}
	if !last.IsZero() {
		out["lastPingTime"] = last.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return out
}
