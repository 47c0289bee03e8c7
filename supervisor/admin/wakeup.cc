#include "supervisor/admin/wakeup.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace berth::admin {

void Wakeup::Wake() {
  if (posted_.exchange(true)) return;
  boost::asio::post(timer_.get_executor(), [self = shared_from_this()] {
    self->posted_ = false;
    self->timer_.cancel();
  });
}

boost::asio::awaitable<void> Wakeup::Wait(Duration most) {
  timer_.expires_after(most);
  boost::system::error_code woken;
  co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
}

}  // namespace berth::admin
