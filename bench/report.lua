-- Loaded by wrk: prints its totals as one line of JSON that bench/load.ts reads. It defines no request or response
-- function, so it costs the load generator nothing per request. Latencies and duration are in microseconds.

-- A file named behind `--` holds the bytes to send, one request or several. wrk asks wrk.format once, counts the
-- requests in what it gets and sends it as it is; a request function would be called for each.
init = function(args)
  if args[1] == nil then return end
  local file = assert(io.open(args[1], "rb"))
  local bytes = file:read("*a")
  file:close()
  wrk.format = function() return bytes end
end

done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\nreport {"requests":%.0f,"bytes":%.0f,"durationUs":%.0f,"p50Us":%.0f,"p99Us":%.0f,' ..
    '"connectErrors":%.0f,"readErrors":%.0f,"writeErrors":%.0f,"statusErrors":%.0f,"timeouts":%.0f}\n',
    summary.requests, summary.bytes, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
