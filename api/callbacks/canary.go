package callbacks

import (
	"context"
	"errors"
	"net/http"

	"rouse/engine/pager"
	"rouse/notifiers"
)

// isCanary takes in a text that Rouse sent to a robot of its own, to see whether it comes back, and reports whether
// this is one. It is answered by nothing.
func (h *Handler) isCanary(r *http.Request, body string) bool {
	nonce := notifiers.CanaryNonce(body)
	if nonce == "" || h.canary == nil {
		return false
	}
	_, err := once(r, func(ctx context.Context) (struct{}, error) { return struct{}{}, h.canary(ctx, nonce) })
	switch {
	case errors.Is(err, pager.ErrNotFound):
		h.log.InfoContext(r.Context(), "a canary came back too late, or is another installation's")
	case err != nil:
		h.log.ErrorContext(r.Context(), "a canary that came back was not taken in", "err", mask(err))
	}
	return true
}
