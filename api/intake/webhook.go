package intake

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"rouse/api/problem"
	"rouse/engine"
)

const sourceWebhook = "webhook"

// Webhook takes whatever a sender sends that has no dialect of its own, at /v1/webhook and /v1/webhook/{key}:
// by POST, PUT or GET, with any content type: JSON, a form of either kind, a text, or parameters alone. The
// mapping in the settings of its key says what is where (see mapping); what it does not say is read as in our
// own format, see Alerts. So a key without a mapping takes our own format, and more liberally than POST
// /v1/alerts does: nothing is refused for its form. What no summary can be found in becomes an alert that
// shows how the payload begins.
//
// Where the mapping fails on a payload, our own format counts as well, and the details say what failed. If it is
// each that fails, the payload is a trigger. An each that gives an empty list is put on record and pages nobody,
// unless the payload was cut: then one more alert pages for what is missing.
//
// An Idempotency-Key, or the Webhook-Id of https://www.standardwebhooks.com, makes a request count once however
// often it comes. Without one, and without a dedup key, a request that is repeated opens another incident. A key
// that has a secret takes only requests that are signed with it, as GitHub signs: X-Hub-Signature-256 is sha256=
// and the HMAC-SHA256 of the body in hex. Answers are those of POST /v1/alerts. Of a request at most 512 KiB are
// read.
func (h *Handler) Webhook(w http.ResponseWriter, r *http.Request) {
	from, err := h.sender(w, r, sourceWebhook, shown(r)...)
	if err != nil {
		refuse(w, err)
		return
	}
	mac, size := hmac.New(sha256.New, from.Secret), counter(0)
	r.Body = tee{io.TeeReader(r.Body, io.MultiWriter(mac, &size)), r.Body}
	body, whole, err := readBody(r)
	if err != nil {
		problem.Write(w, brokenOff)
		return
	}
	if len(from.Secret) > 0 && !isSigned(r.Header, mac.Sum(nil)) {
		problem.Write(w, problem.Unauthorized.Because("The request is not signed with the secret of the key: "+
			"X-Hub-Signature-256 must be sha256= and the HMAC-SHA256 of the body in hex."))
		return
	}
	sent := Payload{Body: body, CutOff: !whole, Size: int64(size), Header: r.Header, Query: r.URL.Query()}
	alerts, list, odd := readWebhook(sent, from, h.mappings.of(from.Settings))
	if len(odd) > 0 {
		h.log.WarnContext(r.Context(), "the mapping of a webhook fails", "api_key", from.Prefix, "fields", failedFields(odd))
	}
	done, all := h.receive(r, from, alerts)
	switch {
	case !all && list:
		problem.Write(w, notAllStored)
	case !all:
		problem.Write(w, oneNotStored)
	case list:
		accept(w, map[string]any{"alerts": done})
	default:
		accept(w, done[0])
	}
}

// counter counts the bytes that are written to it.
type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// isSigned tells whether a header has the signature sum.
func isSigned(header http.Header, sum []byte) bool {
	value := strings.TrimSpace(first(header.Get("X-Hub-Signature-256"), header.Get("X-Hub-Signature")))
	digits, ok := strings.CutPrefix(strings.ToLower(value), "sha256=")
	claimed, err := hex.DecodeString(digits)
	return ok && err == nil && hmac.Equal(claimed, sum)
}

// failedFields are the names of the fields that failed, each once: payloads do not belong into the log.
func failedFields(odd []failure) (names []string) {
	for _, f := range odd {
		if !slices.Contains(names, f.field) {
			names = append(names, f.field)
		}
	}
	return names
}

// Payload is what a sender sent.
type Payload struct {
	Body   []byte
	CutOff bool  // only the beginning of the body is there
	Size   int64 // of the body as it was sent; used if it was cut off
	Header http.Header
	Query  url.Values
}

// readWebhook reads a payload by a mapping; m is nil for none. There is at least one alert. list says that the
// payload is one, and failed where the mapping failed.
func readWebhook(p Payload, from Sender, m *mapping) (alerts []engine.Alert, list bool, failed []failure) {
	c := newContent(p, from)
	if m != nil && m.broken != "" {
		c.broken = "The mapping of the key cannot be used, save it again: " + cut(oneLine(m.broken), maxSummary)
		failed, m = []failure{{field: "mapping", why: m.broken}}, nil
	}
	if m == nil {
		alerts, list = c.plain()
		return alerts, list, failed
	}
	if m.each != nil {
		return c.each(m)
	}
	u, done := m.applyTo(c.body, len(p.Body), c.headers(), c.query)
	defer done()
	given, failed := u.given(nil)
	return []engine.Alert{c.single(given, failed)}, false, failed
}

// each makes an alert of each of the elements that the mapping finds. An element that the payload was cut
// through is left to the alert for what is missing, as nothing is known of what stood behind the cut.
func (c *content) each(m *mapping) (alerts []engine.Alert, list bool, failed []failure) {
	if c.odd != nil && c.isJSON {
		c.body = readElements(c.Body)
	}
	u, done := m.applyTo(c.body, len(c.Body), c.headers(), c.query)
	defer done()
	items, err := u.items()
	switch {
	case err != nil && c.odd != nil: // it is not the mapping's fault
		rest := c.rest(0)
		f := newFailure("each", err)
		rest.Details = detailsOf(rest.Details, []string{f.note()})
		doubt(&rest, engine.DoubtMapping, f.note())
		return []engine.Alert{rest}, true, nil
	case err != nil:
		given, failed := u.given(nil)
		failed = append([]failure{newFailure("each", err)}, failed...)
		a := c.single(given, failed)
		a.Action = engine.Trigger // whatever else it says, it is not known of what
		return []engine.Alert{a}, true, failed
	case len(items) == 0 && c.odd == nil:
		return []engine.Alert{c.empty()}, true, nil
	}
	for i, item := range items[:min(len(items), maxAlerts)] {
		given, missed := u.given(item)
		for j := range missed {
			missed[j].no = i + 1
		}
		raw, _ := json.Marshal(item) // what was decoded from JSON encodes
		alerts, failed = append(alerts, c.alert(item, given, missed, raw, fmt.Sprint(":", i))), append(failed, missed...)
	}
	return c.withRest(alerts, len(items)), true, failed
}

// content is a payload as far as it could be read.
type content struct {
	Payload
	from     Sender
	body     any               // see mapping
	query    map[string]string // without keys
	elements []json.RawMessage // of a body that is a list, as they were sent
	raw      []byte            // what is kept beside the incident
	isJSON   bool
	odd      *partial // what of the body is missing
	broken   string   // why the mapping cannot be used at all, "" if it can
}

func newContent(p Payload, from Sender) *content {
	query := form(p.Query)
	c := &content{Payload: p, from: from, query: map[string]string{}, raw: p.Body}
	for name, values := range query {
		if len(values) > 0 && !slices.Contains(keyNames, name) && len(c.query) < maxFormFields {
			c.query[name] = values[0]
		}
	}
	if len(bytes.TrimSpace(p.Body)) == 0 {
		object := map[string]any{}
		for name, value := range c.query {
			object[name] = value
		}
		c.body, c.raw = object, query.withoutKeys()
		return c
	}
	c.read()
	return c
}

// read finds out what the body is. The content type decides only where the body can be either: many senders,
// curl among them, say that JSON is a form.
func (c *content) read() {
	kind, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
	begin := bytes.TrimSpace(bytes.TrimPrefix(c.Body, []byte("\uFEFF")))
	looksJSON := len(begin) > 0 && strings.IndexByte(`{["`, begin[0]) >= 0 || strings.HasSuffix(kind, "json")
	spaced := bytes.ContainsAny(begin, " \n") // which a form escapes
	if !looksJSON && boundaryOf(kind, begin) == "" && !strings.HasPrefix(kind, "multipart/") && (spaced || strings.HasPrefix(kind, "text/")) {
		c.text()
		return
	}
	if looksJSON {
		v, proper, odd := decodeOrBeginning(c.Body, !c.CutOff)
		if odd != nil && (isEmpty(v) || !isObject(v) && !c.CutOff && !strings.HasSuffix(kind, "json")) { // "[critical] db1 is down"
			c.text()
			return
		}
		c.body, c.odd, c.isJSON = v, odd, true
		if _, ok := v.([]any); ok && odd == nil {
			c.elements = parts(proper)
		}
		return
	}
	_, filled, odd := payload(c.Header.Get("Content-Type"), c.Body, !c.CutOff)
	if len(filled) == 0 {
		c.text()
		return
	}
	c.body, c.odd = formBody(filled), odd
}

// text takes the body as one.
func (c *content) text() {
	c.body = storable(string(c.Body))
	if c.CutOff {
		c.odd = &partial{why: fmt.Errorf("longer than %d KiB", len(c.Body)>>10)}
	}
}

func isObject(v any) bool {
	_, ok := v.(map[string]any)
	return ok
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	case string:
		return v == ""
	}
	return v == nil
}

// formBody is a form as expressions see it: a text for each name, or a list of them. Where all of it is JSON in
// one field, as chat systems send it, that is the payload.
func formBody(filled form) any {
	object := make(map[string]any, len(filled))
	for name, values := range filled {
		if len(values) == 1 {
			object[name] = values[0]
			continue
		}
		list := make([]any, len(values))
		for i, value := range values {
			list[i] = value
		}
		object[name] = list
	}
	if len(filled) == 1 {
		for _, values := range filled {
			if text := strings.TrimSpace(values[0]); len(values) == 1 && strings.HasPrefix(text, "{") {
				if v, _, odd := decodeOrBeginning([]byte(text), true); odd == nil {
					return v
				}
			}
		}
	}
	return object
}

// headers are those that are no secret.
func (c *content) headers() map[string]string {
	headers := make(map[string]string, len(c.Header))
	for name, values := range c.Header {
		switch name = strings.ToLower(name); name {
		case "authorization", "proxy-authorization", "cookie", "x-api-key":
		default:
			headers[name] = strings.Join(values, ", ")
		}
	}
	return headers
}

// plain reads the payload without a mapping.
func (c *content) plain() (alerts []engine.Alert, list bool) {
	elements, list := c.body.([]any)
	if !list || len(elements) == 0 {
		return []engine.Alert{c.single(nil, nil)}, false
	}
	for i, element := range elements[:min(len(elements), maxAlerts)] {
		raw := c.raw
		if i < len(c.elements) {
			raw = c.elements[i]
		} else if len(elements) > 1 {
			raw, _ = json.Marshal(element)
		}
		alerts = append(alerts, c.alert(element, nil, nil, raw, fmt.Sprint(":", i)))
	}
	return c.withRest(alerts, len(elements)), true
}

// withRest puts an alert in the place of those that are missing: of n, some may be too many for one request, and
// the payload may have been cut.
func (c *content) withRest(alerts []engine.Alert, n int) []engine.Alert {
	if n <= maxAlerts && c.odd == nil {
		return alerts
	}
	return append(alerts, c.rest(n))
}

// rest is the alert for what is missing behind n alerts.
func (c *content) rest(n int) engine.Alert {
	odd, what := c.odd, "A webhook could not be read to its end"
	switch {
	case c.CutOff && n == 0:
		what = fmt.Sprintf("A webhook of %d bytes was cut at %d KiB and could not be mapped", c.Size, maxBody>>10)
	case c.CutOff:
		what = fmt.Sprintf("A webhook of %d bytes was cut at %d KiB: alerts are missing", c.Size, maxBody>>10)
	case n > maxAlerts:
		what = fmt.Sprintf("A webhook sent %d alerts at once, of which %d were read", n, maxAlerts)
		odd = &partial{why: fmt.Errorf("a list of %d alerts, and %d are taken at once", n, maxAlerts)}
	}
	a := oddAlert(sourceWebhook, c.from, c.raw, odd, what, "Look at the sender for what is wrong, and have it send less at once.")
	a.Once = c.once("", ":cut-off")
	return a
}

// single is the payload as one alert.
func (c *content) single(given map[string]any, failed []failure) engine.Alert {
	a := c.alert(c.body, given, failed, c.raw, "")
	a.Details = detailsOf(a.Details, nonEmpty(c.odd.note()))
	doubtRequest(&a, c.odd)
	return a
}

// alert is what the mapping says of an element of the payload, or of all of it, and beyond that what our own
// format makes of it. Place tells the elements of a payload apart.
func (c *content) alert(v any, given map[string]any, failed []failure, raw []byte, place string) engine.Alert {
	object := ownFields(v, given)
	a, _ := readAlert(object, c.from) // an object is one
	a.Source, a.Raw, a.Once = sourceWebhook, cutRaw(raw), c.once(a.Once, place)
	labels, mapped := given["labels"]
	switch {
	case mapped:
		a.Labels = webhookLabels(labels)
	case len(a.Labels) == 0:
		a.Labels = scalarLabels(object)
	}
	notes := nonEmpty(c.broken)
	for _, f := range failed {
		notes = append(notes, f.note())
	}
	for _, note := range notes {
		doubt(&a, engine.DoubtMapping, note)
	}
	blank := strings.HasPrefix(a.Summary, blankSummary)
	if blank && len(raw) > 0 {
		notes = append(notes, "The payload began with:\n\n"+cut(storable(string(raw[:min(len(raw), oddBytes)])), oddBytes))
	}
	if a.DedupKey == "" && (blank || hasFailed(failed, "dedup_key") || hasFailed(failed, "each")) {
		a.DedupKey = bodyKey(sourceWebhook, c.from, raw)
	}
	a.Details = detailsOf(a.Details, notes)
	return a
}

// once is what an alert counts once by, see onceOf.
func (c *content) once(own, place string) string {
	return onceOf(c.from, own, first(c.Header.Get("Idempotency-Key"), c.Header.Get("Webhook-Id")), place)
}

// blankSummary is how the summary begins of an alert that has none, see nameless.
const blankSummary = "Alert without summary"

func hasFailed(failed []failure, field string) bool {
	return slices.ContainsFunc(failed, func(f failure) bool { return f.field == field })
}

// ownFields is an element of the payload in our own format: an object as it is, a text as its first line and all
// of it, and in it what the mapping gives.
func ownFields(v any, given map[string]any) map[string]any {
	own := map[string]any{}
	switch v := v.(type) {
	case map[string]any:
		if len(given) == 0 {
			return v
		}
		for name, value := range v {
			if _, mapped := given[ownName(name)]; !mapped {
				own[name] = value
			}
		}
	case string:
		line := firstLine(v)
		own["summary"] = line
		if line != strings.TrimSpace(v) {
			own["details"] = v
		}
	}
	for name, value := range given {
		switch name {
		case "at":
			value = instant(value)
		case "labels":
			continue
		}
		own[name] = value
	}
	return own
}

// ownName is the mapped field that a name in a payload would be read as, whatever its spelling.
func ownName(name string) string {
	if name = foldName(name); name == "dedupkey" {
		return "dedup_key"
	}
	return name
}

// instant makes a time of a number: seconds since 1970 or, as it is in the far future, milliseconds.
func instant(v any) any {
	number, ok := v.(json.Number)
	if !ok {
		return v
	}
	seconds, err := strconv.ParseFloat(number.String(), 64)
	if seconds > 1e11 {
		seconds /= 1000
	}
	if err != nil || seconds < 0 || seconds > 1e11 {
		return v
	}
	return time.UnixMilli(int64(seconds * 1000)).UTC().Format(time.RFC3339Nano)
}

// webhookLabels are the labels that a mapping gives: an object, or a list of tags. A tag is a text, or an object
// with a name and a value.
func webhookLabels(v any) map[string]string {
	labels := map[string]string{}
	add := func(name string, v any) {
		if name != "" && len(labels) < maxLabels {
			labels[cut(storable(name), maxLabelName)] = cut(textOf(v), maxLabelValue)
		}
	}
	switch v := v.(type) {
	case nil:
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			add(name, v[name])
		}
	case []any:
		for _, tag := range v {
			if object, ok := tag.(map[string]any); ok {
				f := fieldsOf(object)
				add(f.text("name", "key"), f.text("value"))
			} else if text := textOf(tag); text != "" {
				add("tag:"+text, nil)
			}
		}
	default:
		add("value", v)
	}
	return labels
}

// scalarLabels are the members of an object that are texts, numbers, true or false, and that no field of our
// own format stands for.
func scalarLabels(object map[string]any) map[string]string {
	labels := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		switch object[name].(type) {
		case string, bool, json.Number:
			if !slices.Contains(textFields, foldName(name)) && name != "" && len(labels) < maxLabels {
				labels[cut(storable(name), maxLabelName)] = cut(textOf(object[name]), maxLabelValue)
			}
		}
	}
	return labels
}

// textFields are the fields of our own format, folded, that say nothing as a label, and those in which senders
// show who they are.
var textFields = []string{"summary", "title", "message", "description", "text", "subject", "details", "action", "dedupkey", "links", "key",
	"by", "note", "at", "until", "idempotencykey", "token", "apikey", "integrationkey", "password", "secret"}

// empty is the record of a payload in which the mapping finds no alert. Nothing is in doubt.
func (c *content) empty() engine.Alert {
	a := oddAlert(sourceWebhook, c.from, c.raw, nil, "A webhook in which the mapping finds no alert", "The mapping's each gave an empty list, so nobody is paged.")
	a.Action, a.Severity, a.Once, a.Doubts = engine.Record, engine.Minor, c.once("", ""), nil
	return a
}
