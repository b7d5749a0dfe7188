// Package cost counts what Drawbridge asks of AWS for one synced change and prices it: requests by kind, DynamoDB units by
// item size with index writes and transactions, SQS requests in chunks of 64 KB, function invocations and their time,
// bytes logged and sent. The hub's half runs over metered ports, both Jiras are simulated, and the poller speaks the real
// protocol with the hub's real handler; nothing needs an AWS account.
//
// `make cost` prints the bill; the test asserts the counts. Prices and the latencies that make function time are in
// prices.json. Start reading at [Bill].
package cost
