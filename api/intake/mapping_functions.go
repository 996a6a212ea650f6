package intake

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// What an expression sees of texts, and makes of them: no alert has room for more.
const (
	maxShown   = maxDetails // bytes of a text; of a longer one it sees the beginning
	maxMatched = 8 << 10    // bytes of a text that a regular expression looks at
	maxPattern = 120        // instructions that a regular expression compiles to
	maxParts   = 1000       // that a text is split into
)

// newEnvironment is what expressions of a mapping may use. CEL's own matches is replaced by one whose cost is
// bounded, and its library of strings by a few of its functions, as its replace is not.
func newEnvironment() (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.StdLib(cel.StdLibSubset(env.NewLibrarySubset().AddExcludedFunctions(env.NewFunction("matches")))),
		cel.OptionalTypes(),
		cel.CustomTypeAdapter(payloadAdapter{}),
		cel.Variable("body", cel.DynType),
		cel.Variable("headers", cel.MapType(cel.StringType, cel.StringType)),
		cel.Variable("query", cel.MapType(cel.StringType, cel.StringType)),
		cel.ParserRecursionLimit(maxNested),
		cel.ParserExpressionSizeLimit(maxExpression),
	}
	return cel.NewCustomEnv(append(options, mappingFunctions()...)...)
}

// mappingFunctions are the functions that expressions have beside those of CEL itself. They are called, and do,
// as in the extensions that CEL's implementations have in common, but for the limits above.
//
//	text.lowerAscii(), text.upperAscii(), text.trim()
//	text.replace(old, new), text.split(separator), texts.join(separator)
//	text.matches(pattern)                RE2 (https://github.com/google/re2/wiki/Syntax); the pattern is written out
//	regex.extract(text, pattern)         what its group matches, or all of it; an optional value
func mappingFunctions() []cel.EnvOption {
	text, texts := cel.StringType, cel.ListType(cel.StringType)
	onText := func(name string, f func(string) string) cel.EnvOption {
		return cel.Function(name, cel.MemberOverload("text_"+name, []*cel.Type{text}, text,
			cel.UnaryBinding(func(v ref.Val) ref.Val { return types.String(f(string(v.(types.String)))) })))
	}
	return []cel.EnvOption{
		onText("lowerAscii", func(s string) string { return ascii(s, 'A', 'Z', 'a'-'A') }),
		onText("upperAscii", func(s string) string { return ascii(s, 'a', 'z', 'A'-'a') }),
		onText("trim", strings.TrimSpace),
		cel.Function("replace", cel.MemberOverload("text_replace", []*cel.Type{text, text, text}, text,
			cel.FunctionBinding(func(args ...ref.Val) ref.Val {
				return replace(string(args[0].(types.String)), string(args[1].(types.String)), string(args[2].(types.String)))
			}))),
		cel.Function("split", cel.MemberOverload("text_split", []*cel.Type{text, text}, texts,
			cel.BinaryBinding(func(s, separator ref.Val) ref.Val {
				parts := strings.SplitN(string(s.(types.String)), string(separator.(types.String)), maxParts+1)
				if len(parts) > maxParts {
					return types.NewErr("split gives more than %d parts", maxParts)
				}
				return types.NewStringList(payloadAdapter{}, parts)
			}))),
		cel.Function("join", cel.MemberOverload("texts_join", []*cel.Type{texts, text}, text,
			cel.BinaryBinding(func(list, separator ref.Val) ref.Val {
				return join(list.(traits.Lister), string(separator.(types.String)))
			}))),
		cel.Function("matches", cel.MemberOverload("text_matches", []*cel.Type{text, text}, cel.BoolType,
			cel.BinaryBinding(func(s, text ref.Val) ref.Val {
				p, err := compiled(text)
				if err != nil {
					return types.WrapErr(err)
				}
				return types.Bool(p.MatchString(matched(s)))
			}))),
		cel.Function("regex.extract", cel.Overload("text_extract", []*cel.Type{text, text}, cel.OptionalType(text),
			cel.BinaryBinding(func(s, text ref.Val) ref.Val {
				p, err := compiled(text)
				if err != nil {
					return types.WrapErr(err)
				}
				return extract(p, matched(s))
			}))),
	}
}

// ascii moves the letters of a range, and leaves the others alone.
func ascii(s string, from, to, by rune) string {
	return strings.Map(func(r rune) rune {
		if r >= from && r <= to {
			return r + by
		}
		return r
	}, s)
}

var errTooLong = fmt.Errorf("gives a text of more than %d KiB", maxShown>>10)

func replace(s, old, with string) ref.Val {
	if n := strings.Count(s, old); len(s)+n*(len(with)-len(old)) > maxShown {
		return types.WrapErr(errTooLong)
	}
	return types.String(strings.ReplaceAll(s, old, with))
}

func join(list traits.Lister, separator string) ref.Val {
	var b strings.Builder
	for it, first := list.Iterator(), true; it.HasNext() == types.True; first = false {
		s, ok := it.Next().(types.String)
		if !ok {
			return types.NewErr("join needs a list of texts")
		}
		if !first {
			b.WriteString(separator)
		}
		b.WriteString(string(s))
		if b.Len() > maxShown {
			return types.WrapErr(errTooLong)
		}
	}
	return types.String(b.String())
}

func matched(s ref.Val) string { return beginningOf(string(s.(types.String)), maxMatched) }

// beginningOf is the beginning of s, of whole runes.
func beginningOf(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

func extract(p pattern, s string) ref.Val {
	found := p.FindStringSubmatch(s)
	if len(found) == 0 || len(found) > 1 && found[1] == "" {
		return types.OptionalNone
	}
	return types.OptionalOf(types.String(found[len(found)-1]))
}

// pattern is a regular expression that is ready.
type pattern struct {
	*regexp.Regexp
	size int // instructions
}

// patterns are those of the mappings in use: there are as many as were written down.
var patterns sync.Map // of pattern, by its text

func compiled(v ref.Val) (pattern, error) {
	text := string(v.(types.String))
	if p, ok := patterns.Load(text); ok {
		return p.(pattern), nil
	}
	size, err := types.RegexProgramSize(text)
	if err != nil {
		return pattern{}, err
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return pattern{}, err
	}
	patterns.Store(text, pattern{re, size})
	return pattern{re, size}, nil
}

// checkPatterns reports the first regular expression of an expression that is none, is too large, or is not
// written out: only then can be said what it costs.
func checkPatterns(checked *cel.Ast) (err error) {
	ast.PostOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || err != nil {
			return
		}
		call := e.AsCall()
		args := call.Args()
		if name := call.FunctionName(); name != "matches" && name != "regex.extract" || len(args) == 0 {
			return
		}
		err = checkPattern(args[len(args)-1], call.FunctionName() == "regex.extract")
	}))
	return err
}

func checkPattern(arg ast.Expr, extracts bool) error {
	text, ok := "", false
	if arg.Kind() == ast.LiteralKind {
		text, ok = arg.AsLiteral().Value().(string)
	}
	if !ok {
		return errors.New("has a regular expression that is not written out as a text: put it between quotes")
	}
	shown := cut(text, shownOfThem)
	re, err := regexp.Compile(text)
	if err != nil {
		return fmt.Errorf("has no regular expression in %q: %w", shown, err)
	}
	if extracts && re.NumSubexp() > 1 {
		return fmt.Errorf("has %d groups in %q: regex.extract takes one at most; write (?:…) for the others", re.NumSubexp(), shown)
	}
	if size, err := types.RegexProgramSize(text); err != nil || size > maxPattern {
		return fmt.Errorf("has a regular expression that is too large, %q: it compiles to %d instructions, the limit is %d", shown, size, maxPattern)
	}
	return nil
}

// textCosts counts what CEL does not: the texts and lists that functions look through and make. CEL counts
// them only where it knows the types before, and those of a payload are not known.
type textCosts struct{}

// CallCost is a step for ten bytes or one element, of arguments and result alike.
func (textCosts) CallCost(function, overload string, args []ref.Val, result ref.Val) *uint64 {
	cost := 1 + weightOf(result)
	for _, arg := range args {
		cost += weightOf(arg)
	}
	switch {
	case function == "_[_]" || function == "_+_": // take as long for a long list as for a short one
		cost = 1 + textWeight(result)
	case function == "matches" || function == "regex.extract":
		if p, err := compiled(args[1]); err == nil {
			cost = 10 + uint64(min(textLength(args[0]), maxMatched)*p.size/40)
		}
	case strings.HasPrefix(function, "get") && len(args) == 2: // getHours and the like read the zone each time
		cost = 500
	}
	return &cost
}

func weightOf(v ref.Val) uint64 {
	switch v := v.(type) {
	case traits.Lister:
		return sizeOf(v)
	case traits.Mapper:
		return sizeOf(v)
	}
	return textWeight(v)
}

func sizeOf(v traits.Sizer) uint64 {
	n, _ := v.Size().(types.Int)
	return uint64(max(n, 0))
}

func textWeight(v ref.Val) uint64 { return uint64(textLength(v)) / 10 }

func textLength(v ref.Val) int {
	switch v := v.(type) {
	case types.String:
		return len(v)
	case types.Bytes:
		return len(v)
	}
	return 0
}

// payloadAdapter shows a payload to expressions without copying it.
type payloadAdapter struct{}

// NativeToValue shows one value of it.
func (a payloadAdapter) NativeToValue(v any) ref.Val {
	switch v := v.(type) {
	case string:
		return types.String(beginningOf(v, maxShown))
	case []any:
		return types.NewList(a, v)
	case map[string]any:
		return types.NewStringInterfaceMap(a, v)
	}
	return types.DefaultTypeAdapter.NativeToValue(v)
}
