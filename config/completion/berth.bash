# Completion of berth for bash. tests/integration/test_completion.py holds it against `berth help`.

# The options of one command, or those of every command.
_berth_options() {
  local always="--socket -s --json --help -h --version"
  case $1 in
    start | stop | restart | shutdown) echo "$always --wait -w" ;;
    logs) echo "$always --follow -f --tail -n --previous -p" ;;
    estimate) echo "$always --max-tokens --threads" ;;
    bench)
      echo "$always --model -m --api --requests --concurrency -c --rate --trace --speed --length --prompt-tokens" \
        "--output-tokens --ignore-eos --timeout --seed --picture"
      ;;
    events) echo "$always --follow -f --tail -n" ;;
    plan) echo "$always --device -d" ;;
    *) echo "$always" ;;
  esac
}

# The names of the running daemon's models; none when no daemon answers. Arguments: the words that choose a socket.
_berth_models() {
  berth "$@" models 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_berth() {
  local commands="ps models devices ledger start stop restart logs events plan validate estimate bench status shutdown version help"
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  local command="" socket=() i
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case ${COMP_WORDS[i]} in
      --socket | -s) socket=(--socket "${COMP_WORDS[++i]}") ;;
      --tail | -n | --device | -d | --max-tokens | --threads) ((++i)) ;;
      --model | -m | --api | --requests | --concurrency | -c | --rate | --trace | --speed | --length) ((++i)) ;;
      --prompt-tokens | --output-tokens | --timeout | --seed | --picture) ((++i)) ;;
      -*) ;;
      *) [[ -n $command ]] || command=${COMP_WORDS[i]} ;;
    esac
  done

  COMPREPLY=()
  case $before in
    --socket | -s) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    --trace | --picture) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    --api) mapfile -t COMPREPLY < <(compgen -W "chat completions embeddings" -- "$word"); return ;;
    --tail | -n | --device | -d | --max-tokens | --threads | --model | -m | --requests | --concurrency | -c) return ;;
    --rate | --speed | --length | --prompt-tokens | --output-tokens | --timeout | --seed) return ;;
  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_berth_options "$command")" -- "$word")
    return
  fi
  case $command in
    "" | help) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word") ;;
    ps | start | stop | restart | logs)
      mapfile -t COMPREPLY < <(compgen -W "$(_berth_models "${socket[@]}")" -- "$word") ;;
    plan | validate) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    estimate) compopt -o dirnames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
  esac
}

complete -F _berth berth
