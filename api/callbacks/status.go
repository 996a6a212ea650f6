package callbacks

import (
	"context"
	"errors"
	"net/http"

	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/notifiers/twilio"
)

// TwilioStatus takes how far a text or a call got: POST /callbacks/twilio/status/{nonce}. Twilio sends
// it again while the answer is a 503. An unknown nonce is not found: the attempt is older than what
// is kept, or another installation's.
func (h *Handler) TwilioStatus(w http.ResponseWriter, r *http.Request) {
	s, ok := h.verified(w, r, "status")
	if !ok {
		return
	}
	receipt, news := twilio.ParseStatus(s.Values)
	if !news {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	receipt.Provider = s.twilio.Name()
	h.report(w, r, s.nonce, receipt)
}

// report brings a receipt to the engine, and answers.
func (h *Handler) report(w http.ResponseWriter, r *http.Request, nonce string, receipt notifiers.Receipt) {
	err := error(pager.ErrNotFound)
	if urlSafe.MatchString(nonce) {
		_, err = once(r, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, h.engine.Report(ctx, nonce, receipt)
		})
	}
	switch {
	case err == nil, errors.Is(err, pager.ErrSeen), errors.Is(err, pager.ErrResolved):
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, pager.ErrNotFound):
		h.log.InfoContext(r.Context(), "receipt for an unknown attempt", "provider", receipt.Provider, "state", receipt.State)
		http.Error(w, "No such attempt.", http.StatusNotFound)
	default:
		h.log.ErrorContext(r.Context(), "receipt not taken in", "provider", receipt.Provider, "state", receipt.State, "err", mask(err))
		unavailable(w)
	}
}

// unavailable asks for the same again.
func unavailable(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "5")
	http.Error(w, "Rouse cannot take this in right now.", http.StatusServiceUnavailable)
}
