package rest

import (
	"context"

	"rouse/rosters"
)

func (h handlers) SetChatUser(ctx context.Context, r SetChatUserRequestObject) (SetChatUserResponseObject, error) {
	if _, err := h.providers.View(ctx, r.Name); err != nil {
		return nil, aboutProvider(r.Name, err)
	}
	if err := h.incidents.LinkChatUser(ctx, r.Name, r.User, rosters.PersonID(r.Body.Person)); err != nil {
		return nil, about("person "+r.Body.Person, err)
	}
	return SetChatUser200JSONResponse{Person: r.Body.Person}, nil
}

func (h handlers) DeleteChatUser(ctx context.Context, r DeleteChatUserRequestObject) (DeleteChatUserResponseObject, error) {
	if err := h.incidents.UnlinkChatUser(ctx, r.Name, r.User); err != nil {
		return nil, about("user "+r.User+" of provider "+r.Name, err)
	}
	return DeleteChatUser204Response{}, nil
}
