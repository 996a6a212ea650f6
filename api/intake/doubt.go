package intake

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rouse/engine"
)

// doubt notes on an alert what could not be taken as it was sent, once.
func doubt(a *engine.Alert, of engine.DoubtOf, text string) {
	d := engine.Doubt{Of: of, Text: cut(text, maxNote)}
	if text != "" && !slices.Contains(a.Doubts, d) {
		a.Doubts = append(a.Doubts, d)
	}
}

// doubtRequest notes that the request was read in part only, if it was.
func doubtRequest(a *engine.Alert, odd *partial) { doubt(a, engine.DoubtRequest, odd.note()) }

// doubtAction notes that nobody knows the sender's word for what the alert asks for. What is the field that it
// stands in.
func doubtAction(a *engine.Alert, what, word string) {
	doubt(a, engine.DoubtAction, fmt.Sprintf("The %s %q is unknown: taken as %s.", what, shortened(word), a.Action))
}

// rate gives an alert the severity that its sender's word stands for; known is false if there is a word and
// nobody knows it.
func rate(a *engine.Alert, word string) (known bool) {
	a.Word = cut(word, maxLabelName)
	if a.Severity, known = severityOf(a.Word); known || strings.TrimSpace(word) == "" {
		return true
	}
	doubtSeverity(a)
	return false
}

// doubtSeverity notes that nobody knows the alert's word for the severity.
func doubtSeverity(a *engine.Alert) {
	doubt(a, engine.DoubtSeverity, fmt.Sprintf("The severity %q is unknown: taken as %d.", shortened(a.Word), a.Severity))
}

// shortened is a sender's word as it stands in a line.
func shortened(word string) string { return cut(oneLine(word), 100) }

// warnOfDoubt writes a line into the log, one for the request, if alerts of it are missing, or parts of them.
func (h *Handler) warnOfDoubt(ctx context.Context, from Sender, alerts []engine.Alert) {
	i := slices.IndexFunc(alerts, func(a engine.Alert) bool {
		return slices.ContainsFunc(a.Doubts, func(d engine.Doubt) bool { return d.Of == engine.DoubtRequest })
	})
	if i >= 0 {
		h.log.WarnContext(ctx, "not all of a request could be read: its incident says why", "source", alerts[i].Source, "api_key", from.Prefix, "alerts", len(alerts))
	}
}

// bodyKey is the dedup key of a request that has none, or cannot be read: the same body again is the same
// trouble, if the same sender sends it in the same dialect. An empty body, or null, says nothing else.
func bodyKey(source string, from Sender, body []byte) string {
	return fmt.Sprintf("body:%s:%d:%s", source, from.Key, hash(body))
}

// oddAlert is the incident for a request that cannot be read, or not all of which can be. The same request
// again joins it.
func oddAlert(source string, from Sender, body []byte, odd *partial, summary, advice string) engine.Alert {
	a := engine.Alert{
		Action:   engine.Trigger,
		Service:  from.Service,
		Severity: engine.Major,
		Summary:  oneLine(summary),
		DedupKey: bodyKey(source, from, body),
		Details:  joinBlocks(odd.note(), advice+" It began with:", cut(storable(string(body[:min(len(body), oddBytes)])), oddBytes)),
		Source:   source,
		Raw:      cutRaw(body),
	}
	doubt(&a, engine.DoubtRequest, first(odd.note(), a.Summary+"."))
	return a
}
