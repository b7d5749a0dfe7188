package walk

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// FuzzWalk: of JSON the walk finds what encoding/json finds, and no text makes it panic.
func FuzzWalk(f *testing.F) {
	for _, s := range []string{`{"a":1,"b":{"c":[1,"]",{}]}}`, ` { "a\u0062" : "\"}" , "" : null }`, `[1, -2.5e3 ,"x",[],{},true]`, `{"a":1,"a":2}`, `"`, `{"`, `{"a"`, `{"a":`, `[`, `{]`, `[}`, ``, `{"a\`, `[[[`, `null`,
		"{\"a\":\"\xff\",\"\xfe\":1}", `[-0.5E+10,1e5,01]`, `[-]`, `[1.]`, `[1e]`, `[true,false,nul]`, `"\u12g4"`, `"\x"`, "\"\n\"", `{"a":1,}`, `[1,]`, `[1 2]`, `{"a" 1}`, `1 2`, `-1`, `{"text":"größer \ud83d\ude00 \ud83d"}`, "\t[\n]\r",
		`["\ud83d\u0041","\\","\\\"",12345678901234567890,1e400,-0]`, `{"":{"":[]}}`, `[[] , [ ] ,{ }]`, `["a"`, `{"a":"b"`, `[{"a":"}"},"["]`, "[\"\xed\xa0\x80\"]", "\u00a0[1]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := map[string]json.RawMessage{}
		mErr := Members(raw, func(name, value []byte) error { m[string(name)] = value; return nil })
		list, lErr := List(raw, func(e []byte) (json.RawMessage, error) { return e, nil })
		text, one := Text(raw), Member(raw, "a")
		if err := Check(raw); (err == nil) != json.Valid(raw) || Valid(raw) != json.Valid(raw) {
			t.Errorf("%q: %v", raw, err)
		}
		if !json.Valid(raw) {
			return
		}
		var wantMap map[string]json.RawMessage
		if err := json.Unmarshal(raw, &wantMap); (err == nil) != (mErr == nil) || err == nil && fmt.Sprintf("%q", m) != fmt.Sprintf("%q", wantMap) || string(one) != string(wantMap["a"]) {
			t.Errorf("%q: members %q (%v), want %q (%v)", raw, m, mErr, wantMap, err)
		}
		var wantList []json.RawMessage
		if err := json.Unmarshal(raw, &wantList); (err == nil) != (lErr == nil) || fmt.Sprintf("%q", list) != fmt.Sprintf("%q", wantList) {
			t.Errorf("%q: elements %q (%v), want %q (%v)", raw, list, lErr, wantList, err)
		}
		var want string
		if json.Unmarshal(raw, &want) == nil && raw[0] == '"' && raw[len(raw)-1] == '"' && text != want {
			t.Errorf("%q says %q, want %q", raw, text, want)
		}
		for _, e := range list {
			var want string
			if json.Unmarshal(e, &want) == nil && Text(e) != want {
				t.Errorf("%q says %q, want %q", e, Text(e), want)
			}
		}
	})
}

// TestWhatIsNested: no depth takes more time than the length of the text, and none takes the stack.
func TestWhatIsNested(t *testing.T) {
	const deep = 5_000_000
	began := time.Now()
	for _, open := range []string{`[`, `{"a":`} {
		raw := []byte(strings.Repeat(open, deep))
		if Check(raw) == nil || Check([]byte(string(raw)+"1"+strings.Repeat(map[string]string{`[`: `]`}[open], deep))) == nil {
			t.Errorf("%d times %q is taken", deep, open)
		}
		_ = Members(raw, func(_, _ []byte) error { return nil })
		_ = Elements(raw, func([]byte) error { return nil })
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	if err := Check([]byte(strings.Repeat("[", 9000) + strings.Repeat("]", 9000))); err != nil {
		t.Error(err)
	}
}

func TestWhatFailsEndsTheWalk(t *testing.T) {
	no, seen := errors.New("no"), 0
	for _, err := range []error{
		Elements([]byte(`[1,2]`), func([]byte) error { seen++; return no }),
		Members([]byte(`{"a":1,"b":2}`), func(_, _ []byte) error { seen++; return no }),
	} {
		if !errors.Is(err, no) {
			t.Error(err)
		}
	}
	if seen != 2 {
		t.Errorf("%d were shown, want the first of each", seen)
	}
	for _, raw := range []string{`7`, `"x"`, ``, ` `, `{`, `[`} {
		if err := Elements([]byte(raw), nil); !errors.Is(err, ErrShape) {
			t.Errorf("%q: %v", raw, err)
		}
		if err := Members([]byte(raw), nil); !errors.Is(err, ErrShape) {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

func TestCheckSaysWhere(t *testing.T) {
	var at *json.SyntaxError
	if err := Check([]byte(`{"a":tru}`)); !errors.As(err, &at) || at.Offset != 9 {
		t.Errorf("%v", err)
	}
}

// TestDeep: what is nested as deep as encoding/json reads is read, anything deeper is refused, and nothing takes the stack.
func TestDeep(t *testing.T) {
	for _, deep := range []int{9_000, 9_999, 10_000, 10_001, 1_000_000} {
		for _, text := range []string{strings.Repeat("[", deep) + strings.Repeat("]", deep), strings.Repeat("[", deep), strings.Repeat(`{"a":`, deep) + "1" + strings.Repeat("}", deep)} {
			if got, want := Valid([]byte(text)), json.Valid([]byte(text)); got != want {
				t.Errorf("%d levels of %.5s, %d bytes: %v, encoding/json says %v", deep, text, len(text), got, want)
			}
		}
	}
}
