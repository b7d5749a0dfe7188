package exchange

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/sign"
)

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

func TestDecodeKeepsItsLimits(t *testing.T) {
	bomb := zipped(make([]byte, MaxDecoded+1))
	if len(bomb) > MaxEncoded {
		t.Fatal("the bomb is too large to be one")
	}
	deep := func(n int) []byte { return []byte(`{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + "}") }
	for name, c := range map[string]struct {
		wire []byte
		want string
	}{
		"plain":            {[]byte(`{"protocol":1}`), ""},
		"gzip":             {zipped([]byte(`{"protocol":1}`)), ""},
		"unknown field":    {[]byte(`{"protocol":1,"later":[{}]}`), ""},
		"depth allowed":    {deep(MaxDepth), ""},
		"brackets in text": {[]byte(`{"x":"` + strings.Repeat(`[{\"`, 1000) + `"}`), ""},
		"too deep":         {deep(MaxDepth + 1), "nested"},
		"too deep, zipped": {zipped(deep(100_000)), "nested"},
		"gzip bomb":        {bomb, "unpacked"},
		"gzip damaged":     {zipped([]byte(`{"protocol":1}`))[:20], "gzip"},
		"gzip in gzip":     {zipped(zipped([]byte(`{}`))), "JSON"},
		"empty":            {nil, "JSON"},
		"truncated":        {[]byte(`{"protocol":`), "JSON"},
		"html":             {[]byte("<html>"), "JSON"},
		"two values":       {[]byte("{}{}"), "JSON"},
		"other type":       {[]byte(`{"changes":{}}`), "another type"},
		"utf-16":           {[]byte("\xff\xfe{\x00}\x00"), "JSON"},
	} {
		err := decode(c.wire, MaxDecoded, new(Request))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err != nil && faultOf(err).status != 400 {
			t.Errorf("%s: %v is not a bad request", name, err)
		}
	}
}

func TestNonceSetForgetsOnlyWhatExpired(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var n nonceSet
	for i := range 50 {
		var fresh bool
		if n, fresh = n.add("k", strings.Repeat("x", i+1), now.Add(time.Duration(i)*time.Second), now); !fresh {
			t.Fatalf("nonce %d", i)
		}
	}
	if _, fresh := n.add("k", "xx", now.Add(time.Minute), now); fresh {
		t.Error("a replay is fresh")
	}
	if _, fresh := n.add("other", "xx", now.Add(time.Minute), now); !fresh {
		t.Error("another key's nonce is a replay")
	}
	later, _ := n.add("k", "new", now.Add(time.Minute), now.Add(30*time.Second))
	if want := nonceHead + (20+1)*nonceBytes; len(later) != want {
		t.Errorf("%d bytes, want %d", len(later), want)
	}
	if _, fresh := later.add("k", strings.Repeat("x", 31), now, now.Add(30*time.Second)); fresh {
		t.Error("a nonce that expires this very second was forgotten")
	}
}

func TestSessionStaysSmall(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := session{Poller: "p"}
	in := &Request{From: Identity{Poller: "p", State: "s", Generation: 1, Instance: "i"}}
	for i := range 1000 { // one a second: what a poller on AWS does while changes flow
		var err error
		at := now.Add(time.Duration(i) * time.Second)
		if s, err = s.admit(sign.Proof{KeyID: "k", Nonce: time.Duration(i).String(), Expires: at.Add(sign.Lifetime)}, in, at); err != nil {
			t.Fatal(err)
		}
	}
	body, _ := json.Marshal(s)
	if len(body) > 1800 {
		t.Errorf("%d bytes", len(body))
	}
}

func TestSiteIsCleaned(t *testing.T) {
	s := Site{Name: strings.Repeat("ä", 200) + "\n", Flavour: "x", URL: "javascript:alert(1)"}.clean()
	if len([]rune(s.Name)) != 100 || s.Flavour != "" || s.URL != "" {
		t.Errorf("%+v", s)
	}
	if s := (Site{URL: "https://jira.example.com/base", Flavour: "cloud"}).clean(); s.URL == "" || s.Flavour == "" {
		t.Errorf("%+v", s)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"protocol":1,"from":{"poller":"p"},"changes":[{"fields":{"a":{"mine":{"seq":1}}}}]}`))
	f.Add(zipped([]byte(`{"acks":[{"revision":1e3}]}`)))
	f.Add([]byte(`{"a":"\`))
	f.Fuzz(func(t *testing.T, wire []byte) {
		in := new(Request)
		if err := decode(wire, 1<<20, in); err != nil {
			if faultOf(err).status != 400 {
				t.Errorf("%v", err)
			}
			return
		}
		again, err := encode(in)
		if err != nil {
			t.Fatal(err)
		}
		if err := decode(again, MaxDecoded, new(Request)); err != nil {
			t.Errorf("what was read cannot be written: %v", err)
		}
	})
}
