package sign_test

import (
	"net/http"
	"testing"

	"drawbridge/shared/sign"
)

// FuzzVerifyRequest lets no header but the right one through, and never panics.
func FuzzVerifyRequest(f *testing.F) {
	good := request(f).Header
	input, signature, digest := good.Get("Signature-Input"), good.Get("Signature"), good.Get("Content-Digest")
	f.Add(input, signature, digest, string(body))
	for _, hostile := range []string{`drawbridge=("@method");created="x"`, `drawbridge=();created`, `drawbridge=1;created=1.5`, `drawbridge`,
		`drawbridge=("@query-param";name="x");created=1;keyid=1`, `drawbridge=("@method" "@method");created=?1`} {
		f.Add(hostile, signature, digest, string(body))
		f.Add(input, hostile, digest, string(body))
		f.Add(input, signature, hostile, string(body))
	}
	f.Fuzz(func(t *testing.T, in, sig, dig, b string) {
		r := request(t)
		r.Header = http.Header{"Signature-Input": {in}, "Signature": {sig}, "Content-Digest": {dig}}
		_, err := sign.VerifyRequest(r, []byte(b), verifier(now))
		if genuine := in == input && sig == signature && dig == digest && b == string(body); genuine != (err == nil) {
			t.Errorf("%v for\n%q\n%q\n%q\n%q", err, in, sig, dig, b)
		}
		if err != nil && sign.ReasonOf(err) == "" {
			t.Errorf("not a refusal: %v", err)
		}
		sign.ReadResponse(&http.Response{StatusCode: 200, Header: r.Header}, []byte(b), request(t), hub.Public())
	})
}

// FuzzParseInvitation accepts nothing that does not write back to itself.
func FuzzParseInvitation(f *testing.F) {
	f.Add(invitation(f).Code())
	f.Add("drawbridge1.e30.AAAAAAAA")
	f.Add("drawbridge1..")
	f.Add("drawbridge9.x.y")
	f.Fuzz(func(t *testing.T, code string) {
		inv, err := sign.ParseInvitation(code)
		if err != nil {
			if inv != (sign.Invitation{}) {
				t.Errorf("an error and an invitation: %+v", inv)
			}
			return
		}
		if again, err := sign.ParseInvitation(inv.Code()); err != nil || again != inv {
			t.Errorf("%+v became %+v, %v", inv, again, err)
		}
	})
}
