package cost

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

//go:embed prices.json
var priceList []byte

// Prices are the list prices in USD, and what function time is made of.
type Prices struct {
	Source      string             `json:"source"`
	API         float64            `json:"api_request"`
	Invocation  float64            `json:"lambda_request"`
	GBSecond    float64            `json:"lambda_gb_second"`
	SQS         float64            `json:"sqs_fifo_request"`
	WriteUnit   float64            `json:"dynamodb_write_unit"`
	ReadUnit    float64            `json:"dynamodb_read_unit"`
	S3Put       float64            `json:"s3_put"`
	S3Get       float64            `json:"s3_get"`
	LogGB       float64            `json:"log_gb"`
	TransferGB  float64            `json:"transfer_out_gb"`
	Metric      float64            `json:"metric_month"`
	Alarm       float64            `json:"alarm_month"`
	Dashboard   float64            `json:"dashboard_month"`
	Latency     map[string]float64 `json:"latency_ms"` // of a call, in ms, by whom it goes to; base: of an invocation
	Memory      map[string]float64 `json:"memory_mb"`  // of a function, as in template.yaml
	PlatformLog float64            `json:"platform_log_bytes"`
	AccessLog   float64            `json:"access_log_bytes"`
}

// ListPrices reads prices.json.
func ListPrices() (p Prices, err error) {
	err = json.Unmarshal(priceList, &p)
	return p, err
}

// Bill is what was asked of AWS.
type Bill struct {
	API         float64
	Invocations map[string]float64 // by function
	GBSeconds   float64
	SQS         float64
	Writes      float64 // DynamoDB write units
	Reads       float64 // and read units
	WriteCalls  float64
	ReadCalls   float64
	S3Puts      float64
	S3Gets      float64
	Logged      float64 // bytes
	Lines       float64 // of them, lines of changes
	Sent        float64 // bytes that leave AWS
}

// Per divides a bill.
func (b Bill) Per(n float64) Bill {
	out := b
	out.Invocations = map[string]float64{}
	for k, v := range b.Invocations {
		out.Invocations[k] = v / n
	}
	for _, f := range []*float64{
		&out.API, &out.GBSeconds, &out.SQS, &out.Writes, &out.Reads, &out.WriteCalls, &out.ReadCalls, &out.S3Puts, &out.S3Gets, &out.Logged, &out.Lines, &out.Sent,
	} {
		*f /= n
	}
	return out
}

// invoked is the number of invocations of all functions.
func (b Bill) invoked() (n float64) {
	for _, v := range b.Invocations {
		n += v
	}
	return n
}

// line is one row of a printed bill.
type line struct {
	what  string
	count float64
	usd   float64 // each
}

func (b Bill) lines(p Prices) []line {
	out := []line{{"API Gateway requests", b.API, p.API}}
	var names []string
	for name := range b.Invocations {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		out = append(out, line{"Lambda invocations, " + name, b.Invocations[name], p.Invocation})
	}
	return append(out,
		line{"Lambda GB-seconds", b.GBSeconds, p.GBSecond},
		line{"SQS requests (64 KB)", b.SQS, p.SQS},
		line{"DynamoDB write units", b.Writes, p.WriteUnit},
		line{"DynamoDB read units", b.Reads, p.ReadUnit},
		line{"S3 puts", b.S3Puts, p.S3Put},
		line{"S3 gets", b.S3Gets, p.S3Get},
		line{"log bytes", b.Logged, p.LogGB / 1e9},
		line{"bytes sent", b.Sent, p.TransferGB / 1e9},
	)
}

// USD is the price of the requests. What is logged and sent comes on top.
func (b Bill) USD(p Prices) (sum float64) {
	for _, l := range b.lines(p) {
		sum += l.count * l.usd
	}
	return sum - b.Aside(p)
}

// Aside is the price of what is logged and sent.
func (b Bill) Aside(p Prices) float64 { return b.Logged*p.LogGB/1e9 + b.Sent*p.TransferGB/1e9 }

// Print writes the bill, each line times scale (a million changes, the polls of a month).
func (b Bill) Print(w io.Writer, title string, p Prices, scale float64) {
	fmt.Fprintf(w, "%s\n", title)
	for _, l := range b.lines(p) {
		if l.count > 0 {
			fmt.Fprintf(w, "  %-32s %12s each  %8.3f USD\n", l.what, short(l.count), l.count*l.usd*scale)
		}
	}
	fmt.Fprintf(w, "  %-32s %12s       %8.2f USD, with logs and transfer %.2f USD\n\n", "requests", "", b.USD(p)*scale, (b.USD(p)+b.Aside(p))*scale)
}

func short(f float64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.4f", f), "0"), ".")
}
