-- wrk's script for every case: shapes the request from the arguments after `--`, and prints the
-- result as one line of JSON, so that nobody has to read wrk's table.
--   report.lua [POST-BODY-BYTES] [close|keep] [agent|headers]

function init(args)
  local bytes = tonumber(args[1]) or 0
  if bytes > 0 then
    wrk.method = "POST"
    wrk.body = string.rep("x", bytes)
    wrk.headers["Content-Type"] = "application/octet-stream"
  end
  if args[2] == "close" then
    wrk.headers["Connection"] = "close"
  end
  if args[3] then
    wrk.headers["User-Agent"] = "hatchery/0.1.0"
  end
  if args[3] == "headers" then
    wrk.headers["Accept"] = "*/*"
    wrk.headers["Accept-Encoding"] = "gzip, deflate, br, zstd"
  end
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"duration_us":%d,"status_errors":%d,"io_errors":%d,' ..
    '"p50_us":%d,"p99_us":%d,"p999_us":%d}\n',
    summary.requests, summary.duration, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
