-- ARGV: ahead, how old a report may be. Gives ready, later, running, dead, bytes of unfinished calls,
-- milliseconds since the oldest due call was due (-1: none), expired, answered, reports.
local length, running, oldest = redis.call('XLEN', STREAM), 0, -1
local groups = redis.pcall('XINFO', 'GROUPS', STREAM)
local after = '-'
if not groups.err and groups[1] then
  running = groups[1][6]
  after = '(' .. groups[1][8]
end
local first = redis.call('XRANGE', STREAM, after, '+', 'COUNT', 1)[1]
if first then
  oldest = math.max(0, now - ARGV[1] - tonumber(string.match(first[1], '^%d+')))
end
local later, due = redis.call('ZCARD', LATER), redis.call('ZCOUNT', LATER, '-inf', now)
local meta = redis.call('HMGET', META, 'bytes', 'expired', 'answered')
local reports, health = {}, redis.call('HGETALL', HEALTH)
for n = 2, #health, 2 do
  local at, report = string.match(health[n], '^(%d+) (.*)$')
  if at and now - at < tonumber(ARGV[2]) then reports[#reports + 1] = report end
end
return {length - running + due, later - due, running, redis.call('ZCARD', DEAD), tonumber(meta[1] or '0'), oldest,
  tonumber(meta[2] or '0'), tonumber(meta[3] or '0'), reports}
