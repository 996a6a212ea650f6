package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rouse/api/problem"
	"rouse/api/wording"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers"
)

func templateOut(t enginedb.Template) Template {
	return Template{Language: t.Language, Channel: t.Channel, Purpose: t.Purpose, Title: t.Title, Text: t.Text, Options: t.Options, Version: t.Version,
		CreatedAt: utc(t.CreatedAt), UpdatedAt: utc(t.UpdatedAt)}
}

// aboutTemplate names a template in an error.
func aboutTemplate(language, channel, purpose string, err error) error {
	return about(fmt.Sprintf("template %s/%s/%s, so that the built-in words are used", language, channel, purpose), err)
}

// refusedWords is the error of words that would not do.
func refusedWords(found []notifiers.Fault, below string, value func(string) string) error {
	return invalid(mapped(found, func(f notifiers.Fault) problem.Field {
		field := problem.Field{Pointer: below + f.Field, Value: shortened(value(f.Field)), Detail: f.Error()}
		if f.Line > 0 {
			field.Value = shortened(lineOf(value(f.Field), f.Line))
		}
		return field
	}))
}

func lineOf(text string, line int) string {
	lines := strings.Split(text, "\n")
	return lines[min(line, len(lines))-1]
}

func (h handlers) ListTemplates(ctx context.Context, _ ListTemplatesRequestObject) (ListTemplatesResponseObject, error) {
	all, err := h.incidents.Templates(ctx)
	return ListTemplates200JSONResponse{Items: mapped(all, templateOut)}, err
}

func (h handlers) GetTemplate(ctx context.Context, r GetTemplateRequestObject) (GetTemplateResponseObject, error) {
	language := notifiers.CanonicalTag(r.Language)
	t, err := h.incidents.Template(ctx, language, r.Channel, r.Purpose)
	if err != nil {
		return nil, aboutTemplate(language, r.Channel, r.Purpose, err)
	}
	return GetTemplate200JSONResponse{templateOut(t), GetTemplate200ResponseHeaders{etag(t.Version)}}, nil
}

func (h handlers) ReplaceTemplate(ctx context.Context, r ReplaceTemplateRequestObject) (ReplaceTemplateResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	t := enginedb.Template{Language: notifiers.CanonicalTag(r.Language), Channel: r.Channel, Purpose: r.Purpose, Title: r.Body.Title, Text: r.Body.Text, Options: r.Body.Options}
	draft := wording.TemplateOf(t)
	if found := draft.Check(); len(found) > 0 {
		return nil, refusedWords(found, "/", func(field string) string { return draft.Part(notifiers.Part(field)) })
	}
	if err := h.incidents.PutTemplate(ctx, t, version); err != nil {
		return nil, aboutTemplate(t.Language, t.Channel, t.Purpose, err)
	}
	if t, err = h.incidents.Template(ctx, t.Language, t.Channel, t.Purpose); err != nil {
		return nil, err
	}
	return ReplaceTemplate200JSONResponse{templateOut(t), ReplaceTemplate200ResponseHeaders{etag(t.Version)}}, nil
}

func (h handlers) DeleteTemplate(ctx context.Context, r DeleteTemplateRequestObject) (DeleteTemplateResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	language := notifiers.CanonicalTag(r.Language)
	if _, err = h.incidents.Template(ctx, language, r.Channel, r.Purpose); err == nil {
		err = h.incidents.DeleteTemplate(ctx, language, r.Channel, r.Purpose, version)
	}
	return DeleteTemplate204Response{}, aboutTemplate(language, r.Channel, r.Purpose, err)
}

func (h handlers) PreviewTemplate(ctx context.Context, r PreviewTemplateRequestObject) (PreviewTemplateResponseObject, error) {
	b := r.Body
	draft := notifiers.Template{Language: notifiers.CanonicalTag(b.Language), Channel: notifiers.Channel(b.Channel), Purpose: notifiers.Purpose(b.Purpose), Title: b.Title, Text: b.Text, Options: b.Options}
	m := notifiers.Hostile(draft.Language, draft.Channel, draft.Purpose)[0].Message
	if b.Incident != "" {
		inc, err := h.incidents.Incident(ctx, engine.Key(b.Incident))
		if err != nil {
			return nil, about("incident "+shortened(b.Incident), err)
		}
		m.Key, m.Severity, m.Summary, m.Service = string(inc.Key), int(inc.Severity), inc.Summary, string(inc.Service)
	}
	templates, err := h.incidents.Templates(ctx)
	if err != nil {
		return nil, err
	}
	languages, err := h.incidents.Languages(ctx)
	if err != nil {
		return nil, err
	}
	var usable []notifiers.Language
	for _, stored := range languages {
		if l, err := wording.LanguageOf(stored); err == nil {
			usable = append(usable, l)
		}
	}
	out := TemplatePreview{Texts: []TemplateText{}, Faults: []TemplateFault{}}
	used := mapped(templates, wording.TemplateOf)
	if draft.Title+draft.Text+draft.Options != "" {
		out.Faults = mapped(draft.Check(), func(f notifiers.Fault) TemplateFault {
			return TemplateFault{Part: f.Field, Line: f.Line, Detail: f.Detail}
		})
		used = []notifiers.Template{draft}
	}
	failed := map[notifiers.Part]string{}
	m.Wording = notifiers.NewWording(func(f notifiers.Failing) { failed[f.Part] = f.Err.Error() })
	for _, f := range m.Wording.Set(used, usable) {
		if len(used) == 1 {
			failed[f.Part] = f.Err.Error()
		}
	}
	for _, t := range notifiers.Texts(m) {
		out.Texts = append(out.Texts, textOut(t, m.Channel, failed[t.Part]))
	}
	return PreviewTemplate200JSONResponse(out), nil
}

func textOut(t notifiers.Text, channel notifiers.Channel, failed string) TemplateText {
	out := TemplateText{Part: string(t.Part), Text: t.Text, Failed: failed}
	if channel != notifiers.SMS {
		return out
	}
	out.Encoding = "GSM-7"
	if !notifiers.IsGSM(t.Text) {
		out.Encoding = "UCS-2"
	}
	out.Units, out.Segments, out.Forcing = notifiers.Units(t.Text), notifiers.Split(t.Text), notifiers.Forcing(t.Text)
	return out
}

func languageOut(l enginedb.Language) Language {
	of, err := wording.LanguageOf(l)
	if err != nil { // somebody wrote it by hand
		of.Words = map[string]string{}
	}
	return Language{Tag: l.Tag, Unicode: l.Unicode, Words: of.Words, Version: l.Version, CreatedAt: utc(l.CreatedAt), UpdatedAt: utc(l.UpdatedAt)}
}

// builtInLanguage is the one of a tag, if it is built in.
func builtInLanguage(tag string) (Language, bool) {
	for _, l := range notifiers.BuiltIn() {
		if l.Tag == tag {
			return Language{Tag: l.Tag, Words: l.Words, BuiltIn: true}, true
		}
	}
	return Language{}, false
}

func (h handlers) ListLanguages(ctx context.Context, _ ListLanguagesRequestObject) (ListLanguagesResponseObject, error) {
	stored, err := h.incidents.Languages(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]Language{}
	for _, l := range notifiers.BuiltIn() {
		all[l.Tag], _ = builtInLanguage(l.Tag)
	}
	for _, l := range stored {
		all[l.Tag] = languageOut(l)
	}
	out := ListLanguages200JSONResponse{}
	for _, tag := range slices.Sorted(maps.Keys(all)) {
		out.Items = append(out.Items, all[tag])
	}
	return out, nil
}

func (h handlers) GetLanguage(ctx context.Context, r GetLanguageRequestObject) (GetLanguageResponseObject, error) {
	tag := notifiers.CanonicalTag(r.Language)
	stored, err := h.incidents.Language(ctx, tag)
	if errors.Is(err, enginedb.ErrNotFound) {
		if l, ok := builtInLanguage(tag); ok {
			return GetLanguage200JSONResponse{l, GetLanguage200ResponseHeaders{etag(0)}}, nil
		}
	}
	if err != nil {
		return nil, about("language "+tag, err)
	}
	out := languageOut(stored)
	return GetLanguage200JSONResponse{out, GetLanguage200ResponseHeaders{etag(out.Version)}}, nil
}

func (h handlers) ReplaceLanguage(ctx context.Context, r ReplaceLanguageRequestObject) (ReplaceLanguageResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	l := notifiers.Language{Tag: notifiers.CanonicalTag(r.Language), Unicode: r.Body.Unicode, Words: r.Body.Words}
	if found := l.Check(); len(found) > 0 {
		return nil, refusedWords(found, "/words/", func(field string) string { return l.Words[field] })
	}
	words, err := json.Marshal(l.Words)
	if err != nil {
		return nil, err
	}
	if err := h.incidents.PutLanguage(ctx, enginedb.Language{Tag: l.Tag, Unicode: l.Unicode, Words: words}, version); err != nil {
		return nil, about("language "+l.Tag, err)
	}
	stored, err := h.incidents.Language(ctx, l.Tag)
	if err != nil {
		return nil, err
	}
	out := languageOut(stored)
	return ReplaceLanguage200JSONResponse{out, ReplaceLanguage200ResponseHeaders{etag(out.Version)}}, nil
}

func (h handlers) DeleteLanguage(ctx context.Context, r DeleteLanguageRequestObject) (DeleteLanguageResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	tag := notifiers.CanonicalTag(r.Language)
	if _, err = h.incidents.Language(ctx, tag); err == nil {
		err = h.incidents.DeleteLanguage(ctx, tag, version)
	}
	return DeleteLanguage204Response{}, about("language "+tag, err)
}
