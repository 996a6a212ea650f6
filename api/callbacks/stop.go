package callbacks

import (
	"context"
	"net/http"
	"strings"

	"rouse/notifiers"
)

// OptOuts is how people have texts to their number ended, and begun again; *pager.Pager is it outside tests.
type OptOuts interface {
	OptOut(ctx context.Context, number string) (ended bool, err error)
	OptIn(ctx context.Context, number string) (revived bool, err error)
}

// The words that carriers have for it, alone in a text. YES is none of them here: it acknowledges.
var (
	stopWords  = map[string]bool{"stop": true, "stopp": true, "stopall": true, "unsubscribe": true}
	startWords = map[string]bool{"start": true, "unstop": true}
)

// optOut carries out a text that says nothing but STOP or START; ok is false if it says something else. What
// comes of STOP is the same for every number, so that none can be found out.
func (h *Handler) optOut(r *http.Request, number, body string) (reply string, ok bool) {
	word := strings.ToLower(strings.Trim(body, " \t\r\n.!\"'"))
	if h.optOuts == nil || !stopWords[word] && !startWords[word] {
		return "", false
	}
	language := h.caller(r, number).language // while its contacts are known
	did := h.optOuts.OptOut
	if startWords[word] {
		did = h.optOuts.OptIn
	}
	done, err := once(r, func(ctx context.Context) (bool, error) { return did(ctx, number) })
	switch said := sentencesIn(language); {
	case err != nil:
		h.log.ErrorContext(r.Context(), "a text about texts not taken in", "word", word, "err", mask(err))
		return plain(language, notifiers.TryAgain), true
	case stopWords[word]:
		return h.advise(number, func() string { return said.stopped }), true
	case done:
		return said.started, true
	default:
		return h.advise(number, func() string { return said.nothingStopped }), true
	}
}
