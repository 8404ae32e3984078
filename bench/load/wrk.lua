-- Prints what bench/load/wrk.ts reads. With a number N as its argument, "%d" in the path becomes 1 to N in turn.

local count, paths, turn = 0, {}, 0

function init(args)
  count = tonumber(args[1] or "0")
  for i = 1, count do paths[i] = wrk.format("GET", (wrk.path:gsub("%%d", tostring(i)))) end
  paths[0] = wrk.format("GET")
end

function request()
  if count == 0 then return paths[0] end
  turn = turn % count + 1
  return paths[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"durationUs":%d,"p50Us":%d,"p99Us":%d,"errors":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
